"""Where data sets are, and their MD5 sums.

The sums are published ones: of the uncompressed files of MNIST; of the compressed files of
Fashion-MNIST and KMNIST and of the archive of EMNIST, in ``torchvision/datasets/mnist.py`` of
https://github.com/pytorch/vision; of the binary archives of CIFAR on the page of its authors,
https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from collections.abc import Sequence

from data_sets.fetch import Archive, Files


def idx_files(sums: Sequence[str]) -> dict[str, str]:
    """The four files of a data set in MNIST's format, with their sums."""
    kinds = [f"{s}-{k}-ubyte.gz" for s in ("train", "t10k") for k in ("images-idx3", "labels-idx1")]
    return dict(zip(kinds, sums, strict=True))


EMNIST_SPLITS = ("balanced", "byclass", "bymerge", "digits", "letters", "mnist")
DATASETS: dict[str, Files | Archive] = {
    "mnist": Files(
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            "https://storage.googleapis.com/cvdf-datasets/mnist",
        ),
        sums=idx_files((
            "6bbc9ace898e44ae57da46a324031adb", "a25bea736e30d166cdddb491f175f624",
            "2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637",
        )),
        of_content=True,
    ),
    "fashion-mnist": Files(
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",),
        sums=idx_files((
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310",
        )),
    ),
    "kmnist": Files(
        mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist",),
        sums=idx_files((
            "bdb82020997e1d708af4cf47b453dcf7", "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7", "7320c461ea6c1c855c0b718fb2a4b134",
        )),
    ),
    "emnist": Archive(
        mirrors=(
            "https://biometrics.nist.gov/cs_links/EMNIST",
            "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST",
        ),
        name="gzip.zip",
        md5="58c8d27c78d21e728a6bc7b3cc06412e",
        members=[
            f"gzip/emnist-{split}-{part}-{kind}-ubyte.gz"
            for split in EMNIST_SPLITS
            for part in ("train", "test")
            for kind in ("images-idx3", "labels-idx1")
        ],
    ),
    "cifar10": Archive(
        mirrors=("https://www.cs.toronto.edu/~kriz",),
        name="cifar-10-binary.tar.gz",
        md5="c32a1d4ab5d03f1284b67883e8d87530",
        members=[
            *(f"cifar-10-batches-bin/data_batch_{k}.bin" for k in range(1, 6)),
            "cifar-10-batches-bin/test_batch.bin",
        ],
    ),
    "cifar100": Archive(
        mirrors=("https://www.cs.toronto.edu/~kriz",),
        name="cifar-100-binary.tar.gz",
        md5="03b5dce01913d631647c71ecec9e9cb8",
        members=["cifar-100-binary/train.bin", "cifar-100-binary/test.bin"],
    ),
}  # fmt: skip

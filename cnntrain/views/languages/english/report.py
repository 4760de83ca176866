"""The texts of reports and their pictures."""

REPORT = {
    "picture.no_font": (
        "Note: matplotlib finds no font with Chinese letters on this machine: a PNG or PDF shows "
        "boxes in their place, an SVG and a report show them where the viewer has such a font. "
        "Install one, such as Noto Sans CJK (Debian and Ubuntu: the package fonts-noto-cjk)"
    ),
}

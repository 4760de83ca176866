/* The extension module: hands the kernels of each instruction set to Python.

   ``kernels(isa, type)`` gives {name: function}. A function takes arrays, integers and numbers as
   its letters say (kernels.h), checks kind and type of each, and runs without the interpreter lock.
   Whether sizes fit is checked in Python, beside each call. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdint.h>
#include <string.h>

#include "program.h"

/* Bytes of arrays: for less work, handing over the interpreter lock takes longer than it saves (measured). */
#define WORTH_RELEASING 300000

#define SETS(SET) SET(plain)
#if defined(__x86_64__)
#undef SETS
#define SETS(SET) SET(v4) SET(v3) SET(plain)
#elif defined(__aarch64__)
#undef SETS
#define SETS(SET) SET(neon) SET(plain)
#endif

#define DECLARE(isa) extern const Kernel kernels_##isa##_f4[], kernels_##isa##_f8[];
SETS(DECLARE)

typedef struct {
    const char *isa;
    const Kernel *f4, *f8;
} Set;
#define ENTRY(isa) {#isa, kernels_##isa##_f4, kernels_##isa##_f8},
static const Set ALL[] = {SETS(ENTRY){0, 0, 0}};

static int is_supported(const char *isa) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const int v3 =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    if (!strcmp(isa, "v3")) return v3;
    if (!strcmp(isa, "v4"))
        return v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
    (void)isa;
    return 1;
}

/* Size of the numbers in an array, by letter; 0: those of the kernel's own type. */
static Py_ssize_t item_size(char letter) { return strchr("lLdD", letter) ? 8 : strchr("bB", letter) ? 1 : 0; }

static int take_array(char letter, PyObject *object, Py_ssize_t own_size, Py_buffer *view) {
    const int written = strchr("wWSlbd", letter) != NULL;
    if (PyObject_GetBuffer(object, view, written ? PyBUF_WRITABLE : PyBUF_SIMPLE)) return -1;
    const Py_ssize_t size = item_size(letter) ? item_size(letter) : own_size;
    if (view->itemsize == size) return 0;
    PyErr_Format(PyExc_TypeError, "numbers of %zd bytes given, of %zd bytes expected", view->itemsize, size);
    PyBuffer_Release(view);
    return -1;
}

/* A tuple of arrays, held until the kernel has run. */
typedef struct {
    Arrays arrays;
    Py_buffer *views;
} Tuple;

static void release_tuple(Tuple *tuple) {
    while (tuple->arrays.count) PyBuffer_Release(&tuple->views[--tuple->arrays.count]);
    PyMem_Free(tuple->views);
    PyMem_Free(tuple->arrays.data);
    PyMem_Free(tuple->arrays.sizes);
}

static int take_tuple(PyObject *object, Py_ssize_t own_size, Tuple *tuple) {
    const Py_ssize_t count = PyTuple_Size(object);
    if (count < 0) return -1;
    tuple->views = PyMem_Calloc((size_t)count + 1, sizeof(Py_buffer));
    tuple->arrays.data = PyMem_Calloc((size_t)count + 1, sizeof(void *));
    tuple->arrays.sizes = PyMem_Calloc((size_t)count + 1, sizeof(long));
    if (!tuple->views || !tuple->arrays.data || !tuple->arrays.sizes) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t k = 0; k < count; k++) {
        if (take_array('w', PyTuple_GetItem(object, k), own_size, &tuple->views[k])) return -1;
        tuple->arrays.data[k] = tuple->views[k].buf;
        tuple->arrays.sizes[k] = (long)(tuple->views[k].len / own_size);
        tuple->arrays.count++;
    }
    return 0;
}

typedef struct {
    const Kernel *kernel;
    Py_ssize_t own_size;
    Py_ssize_t count;
} Bound;

/* The arguments of one call, and what holds them. */
typedef struct {
    union Arg arguments[MOST_ARGUMENTS];
    Py_buffer views[MOST_ARGUMENTS];
    Tuple tuples[MOST_TUPLES];
    int held, tuple_count;
} Taken;

static void release(Taken *taken) {
    while (taken->held) PyBuffer_Release(&taken->views[--taken->held]);
    while (taken->tuple_count) release_tuple(&taken->tuples[--taken->tuple_count]);
}

static int take_argument(char letter, PyObject *object, Py_ssize_t own_size, Taken *taken, union Arg *found) {
    if (letter == 'i') {
        found->i = PyLong_AsLongLong(object);
        return found->i == -1 && PyErr_Occurred() ? -1 : 0;
    }
    if (letter == 'f') {
        found->f = PyFloat_AsDouble(object);
        return found->f == -1.0 && PyErr_Occurred() ? -1 : 0;
    }
    if (letter == 'A') {
        Tuple *tuple = &taken->tuples[taken->tuple_count++];
        *tuple = (Tuple){{0}, NULL};
        found->arrays = &tuple->arrays;
        return take_tuple(object, own_size, tuple);
    }
    found->array = NULL;
    if (object == Py_None && strchr("WRS", letter)) return 0;
    if (take_array(letter, object, own_size, &taken->views[taken->held])) return -1;
    found->array = taken->views[taken->held++].buf;
    return 0;
}

/* Takes all arguments of a call; if one is wrong, none is held. */
static int take(const Bound *bound, PyObject *const *objects, Py_ssize_t count, Taken *taken) {
    taken->held = taken->tuple_count = 0;
    if (count != bound->count) {
        PyErr_Format(PyExc_TypeError, "%s takes %zd arguments, not %zd", bound->kernel->name, bound->count,
                     count);
        return -1;
    }
    for (Py_ssize_t k = 0; k < count; k++)
        if (take_argument(bound->kernel->letters[k], objects[k], bound->own_size, taken,
                          &taken->arguments[k])) {
            release(taken);
            return -1;
        }
    return 0;
}

static int explained(int status) {
    if (status == 1) PyErr_NoMemory();
    else if (status)
        PyErr_SetString(PyExc_IndexError, "a label is no class, or a number is that of no sample");
    return status;
}

static PyObject *run(PyObject *self, PyObject *const *objects, Py_ssize_t count) {
    const Bound *bound = PyCapsule_GetPointer(self, "cnntrain.kernel");
    Taken taken;
    if (!bound || take(bound, objects, count, &taken)) return NULL;
    Py_ssize_t bytes = 0;
    for (int k = 0; k < taken.held; k++) bytes += taken.views[k].len;
    PyThreadState *released = bytes >= WORTH_RELEASING ? PyEval_SaveThread() : NULL;
    const int status = bound->kernel->run(taken.arguments);
    if (released) PyEval_RestoreThread(released);
    release(&taken);
    if (explained(status)) return NULL;
    Py_RETURN_NONE;
}

/* The call that run() would make, as a piece of a program. Its arrays must outlive it. */
static PyObject *noted(PyObject *self, PyObject *const *objects, Py_ssize_t count) {
    (void)self;
    PyObject *capsule = count ? PyCFunction_GetSelf(objects[0]) : NULL;
    const Bound *bound = capsule ? PyCapsule_GetPointer(capsule, "cnntrain.kernel") : NULL;
    Taken taken;
    if (!bound)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "a kernel and its arguments needed");
    if (take(bound, objects + 1, count - 1, &taken)) return NULL;
    const int has_tuples = taken.tuple_count;
    release(&taken);
    if (has_tuples) return PyErr_Format(PyExc_TypeError, "%s takes tuples", bound->kernel->name);
    Call call = {.run = bound->kernel->run};
    memcpy(call.arguments, taken.arguments, (size_t)bound->count * sizeof(union Arg));
    return PyBytes_FromStringAndSize((const char *)&call, sizeof(call));
}

static int program_of(PyObject *object, Program *program) {
    char *bytes;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(object, &bytes, &size)) return -1;
    *program = (Program){(const Call *)bytes, size / (Py_ssize_t)sizeof(Call)};
    return 0;
}

/* Programs that run side by side. */
typedef struct {
    Program *programs;
    Py_ssize_t count;
} Round;

static int round_of(PyObject *tuple, Round *round) {
    const Py_ssize_t count = PyTuple_Size(tuple);
    if (count < 0) return -1;
    round->programs = PyMem_Calloc((size_t)count + 1, sizeof(Program));
    if (!round->programs) return PyErr_NoMemory(), -1;
    for (; round->count < count; round->count++)
        if (program_of(PyTuple_GetItem(tuple, round->count), &round->programs[round->count])) return -1;
    return 0;
}

static PyObject *run_all(PyObject *self, PyObject *tuple) {
    (void)self;
    const Py_ssize_t count = PyTuple_Size(tuple);
    Round *rounds = count < 0 ? NULL : PyMem_Calloc((size_t)count + 1, sizeof(Round));
    if (!rounds) return count < 0 ? NULL : PyErr_NoMemory();
    int status = 0;
    for (Py_ssize_t k = 0; k < count && !status; k++)
        status = round_of(PyTuple_GetItem(tuple, k), &rounds[k]);
    if (!status) {
        PyThreadState *released = PyEval_SaveThread();
        for (Py_ssize_t k = 0; k < count && !status; k++)
            status = run_programs(rounds[k].programs, rounds[k].count);
        PyEval_RestoreThread(released);
        explained(status);
    }
    for (Py_ssize_t k = 0; k < count; k++) PyMem_Free(rounds[k].programs);
    PyMem_Free(rounds);
    if (status) return NULL;
    Py_RETURN_NONE;
}

static PyObject *use_threads(PyObject *self, PyObject *count) {
    (void)self;
    const long wanted = PyLong_AsLong(count);
    if (wanted == -1 && PyErr_Occurred()) return NULL;
    return PyLong_FromLong(set_threads(wanted));
}

static void forget(PyObject *capsule) { PyMem_Free(PyCapsule_GetPointer(capsule, "cnntrain.kernel")); }

static PyMethodDef RUN = {"kernel", (PyCFunction)(void (*)(void))run, METH_FASTCALL, "A compiled kernel."};

static PyObject *bind(const Kernel *kernel, Py_ssize_t own_size) {
    Bound *bound = PyMem_Malloc(sizeof(Bound));
    if (!bound) return PyErr_NoMemory();
    *bound = (Bound){kernel, own_size, (Py_ssize_t)strlen(kernel->letters)};
    PyObject *capsule = PyCapsule_New(bound, "cnntrain.kernel", forget);
    if (!capsule) {
        PyMem_Free(bound);
        return NULL;
    }
    PyObject *function = PyCFunction_NewEx(&RUN, capsule, NULL);
    Py_DECREF(capsule);
    return function;
}

static PyObject *kernels(PyObject *self, PyObject *args) {
    const char *isa, *type;
    (void)self;
    if (!PyArg_ParseTuple(args, "ss", &isa, &type)) return NULL;
    for (const Set *set = ALL; set->isa; set++) {
        if (strcmp(set->isa, isa) || !is_supported(isa)) continue;
        PyObject *found = PyDict_New();
        const int is_double = !strcmp(type, "float64");
        for (const Kernel *k = is_double ? set->f8 : set->f4; found && k->name; k++) {
            PyObject *function = bind(k, is_double ? 8 : 4);
            if (!function || PyDict_SetItemString(found, k->name, function)) Py_CLEAR(found);
            Py_XDECREF(function);
        }
        return found;
    }
    return PyErr_Format(PyExc_ValueError, "this CPU has no instruction set '%s' that was compiled in", isa);
}

static PyObject *instruction_sets(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    PyObject *found = PyList_New(0);
    for (const Set *set = ALL; found && set->isa; set++) {
        if (!is_supported(set->isa)) continue;
        PyObject *name = PyUnicode_FromString(set->isa);
        if (!name || PyList_Append(found, name)) Py_CLEAR(found);
        Py_XDECREF(name);
    }
    return found;
}

static PyMethodDef METHODS[] = {
    {"kernels", kernels, METH_VARARGS, "kernels(isa, type) -> {name: function}"},
    {"noted", (PyCFunction)(void (*)(void))noted, METH_FASTCALL,
     "noted(kernel, arguments...) -> bytes: the call, to be made later."},
    {"run", run_all, METH_O,
     "run(rounds): make the noted calls of all programs of a round side by side, round after round."},
    {"use_threads", use_threads, METH_O, "use_threads(count) -> how many ran programs before."},
    {"instruction_sets", instruction_sets, METH_NOARGS,
     "Names of the sets that this CPU can run, best first."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_kernels", "Compiled kernels.", 0, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModule_Create(&MODULE); }

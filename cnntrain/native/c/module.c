/* The extension module: hands the kernels of each instruction set to Python.

   ``kernels(isa, type)`` gives {name: function}. A function takes arrays, integers and numbers as
   its letters say (kernels.h), checks kind and type of each, and runs without the interpreter lock.
   Whether sizes fit is checked in Python, beside each call. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdint.h>
#include <string.h>

#include "kernels_table.h"
#include "untyped.h"

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

static PyObject *run(PyObject *self, PyObject *const *objects, Py_ssize_t count) {
    const Bound *bound = PyCapsule_GetPointer(self, "cnntrain.kernel");
    if (!bound) return NULL;
    if (count != bound->count)
        return PyErr_Format(PyExc_TypeError, "%s takes %zd arguments, not %zd", bound->kernel->name,
                            bound->count, count);
    union Arg arguments[MOST_ARGUMENTS];
    Py_buffer views[MOST_ARGUMENTS];
    Tuple tuples[MOST_TUPLES] = {{{0}, NULL}};
    int held = 0, tuple_count = 0, failed = 0;
    for (Py_ssize_t k = 0; k < count && !failed; k++) {
        const char letter = bound->kernel->letters[k];
        if (letter == 'i') {
            arguments[k].i = PyLong_AsLongLong(objects[k]);
            failed = arguments[k].i == -1 && PyErr_Occurred();
        } else if (letter == 'f') {
            arguments[k].f = PyFloat_AsDouble(objects[k]);
            failed = arguments[k].f == -1.0 && PyErr_Occurred();
        } else if (letter == 'A') {
            failed = take_tuple(objects[k], bound->own_size, &tuples[tuple_count]);
            arguments[k].arrays = &tuples[tuple_count++].arrays;
        } else if (objects[k] == Py_None && strchr("WRS", letter)) {
            arguments[k].array = NULL;
        } else {
            failed = take_array(letter, objects[k], bound->own_size, &views[held]);
            if (!failed) arguments[k].array = views[held++].buf;
        }
    }
    if (!failed) {
        Py_ssize_t bytes = 0;
        for (int k = 0; k < held; k++) bytes += views[k].len;
        PyThreadState *released = bytes >= WORTH_RELEASING ? PyEval_SaveThread() : NULL;
        const int status = bound->kernel->run(arguments);
        if (released) PyEval_RestoreThread(released);
        if (status == 1) PyErr_NoMemory();
        else if (status)
            PyErr_SetString(PyExc_IndexError, "a label is no class, or a number is that of no sample");
        failed = status;
    }
    while (held) PyBuffer_Release(&views[--held]);
    while (tuple_count) release_tuple(&tuples[--tuple_count]);
    if (failed) return NULL;
    Py_RETURN_NONE;
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

static PyMethodDef METHODS[] = {{"kernels", kernels, METH_VARARGS, "kernels(isa, type) -> {name: function}"},
                                {"instruction_sets", instruction_sets, METH_NOARGS,
                                 "Names of the sets that this CPU can run, best first."},
                                {NULL, NULL, 0, NULL}};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_kernels", "Compiled kernels.", 0, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModule_Create(&MODULE); }

#!/usr/bin/env bash
# numpy 2.4.6: a handler of array memory (PyDataMem_SetHandler) is told at the end of an array without elements, read from text, that 1 byte is freed, of 8 or 16 that it gave.
#
# A guess: `free` is told the size that the handler was asked for, by malloc, calloc or the last realloc, as the documentation of its three arguments and the
# proposal that it came with (NEP 49) have it; so a handler may find its size class by it.
# Seen: so it is for arrays made otherwise, also for those without elements, for which 1 byte is asked for and freed. Those that fromstring and fromfile with `sep`
# cut to nothing have had an element's size, and are freed by 1 byte as well; so is what they give up with an error.
# Why it matters here: an allocator whose free takes a size, as Rust's do, puts such a block among those of 8 bytes and less; it must know the size itself, or look it up.
# Needs a C compiler, pip, Python 3.11 or later with its headers, and venv.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv tools
tools/bin/pip install -q --disable-pip-version-check --only-binary :all: numpy==2.4.6

cat >probe.c <<'C'
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>
/* In front of each block: its size. */
#define FRONT 64
static size_t given, freed;
static void *handed(size_t *start, size_t size) {
    if (!start) return NULL;
    *start = given = size;
    return (char *)start + FRONT;
}
static size_t *start_of(void *block) { return (size_t *)((char *)block - FRONT); }
static void *our_malloc(void *context, size_t size) { return handed(malloc(size + FRONT), size); }
static void *our_calloc(void *context, size_t count, size_t size) { return handed(calloc(1, count * size + FRONT), count * size); }
static void *our_realloc(void *context, void *block, size_t size) { return handed(realloc(block ? start_of(block) : NULL, size + FRONT), size); }
static void our_free(void *context, void *block, size_t size) {
    if (!block) return;
    given = *start_of(block);
    freed = size;
    free(start_of(block));
}
static PyDataMem_Handler handler = {"probe", 1, {NULL, our_malloc, our_calloc, our_realloc, our_free}};
static PyObject *set(PyObject *self, PyObject *nothing) { return PyDataMem_SetHandler(PyCapsule_New(&handler, "mem_handler", NULL)); }
static PyObject *last(PyObject *self, PyObject *nothing) { return Py_BuildValue("nn", (Py_ssize_t)given, (Py_ssize_t)freed); }
static PyMethodDef methods[] = {{"set", set, METH_NOARGS, NULL}, {"last", last, METH_NOARGS, NULL}, {NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "probe", NULL, -1, methods};
PyMODINIT_FUNC PyInit_probe(void) {
    import_array();
    return PyModule_Create(&module);
}
C
cat >show.py <<'P'
import warnings
import numpy
import probe

warnings.simplefilter("ignore")
open("nothing", "w").close()


def show(name, make):
    try:
        array = make()
        elements = array.size
        del array
    except ValueError:
        elements = "error"
    print("{}: {}; of {} bytes freed {}".format(name, elements, *probe.last()))


probe.set()
show("zeros(4)", lambda: numpy.zeros(4))
show("zeros(0)", lambda: numpy.zeros(0))
show("empty((0, 5))", lambda: numpy.empty((0, 5)))
show("fromiter, nothing", lambda: numpy.fromiter(iter([]), float))
show("fromfile, nothing", lambda: numpy.fromfile("nothing"))
show("fromstring, 1 2", lambda: numpy.fromstring("1 2", sep=" "))
show("fromstring, nothing", lambda: numpy.fromstring("", sep=" "))
show("fromstring, nothing, complex", lambda: numpy.fromstring("", complex, sep=" "))
show("fromstring, x", lambda: numpy.fromstring("x", sep=" "))
show("fromfile with sep, nothing", lambda: numpy.fromfile("nothing", sep=" "))
P
cc -shared -fPIC -O1 $(tools/bin/python -c 'import numpy, sysconfig; print("-I" + sysconfig.get_path("include"), "-I" + numpy.get_include())') -o probe.so probe.c
PYTHONPATH=$work tools/bin/python show.py >seen
cat seen
cat >wanted <<'END'
zeros(4): 4; of 32 bytes freed 32
zeros(0): 0; of 1 bytes freed 1
empty((0, 5)): 0; of 1 bytes freed 1
fromiter, nothing: 0; of 1 bytes freed 1
fromfile, nothing: 0; of 1 bytes freed 1
fromstring, 1 2: 2; of 16 bytes freed 16
fromstring, nothing: 0; of 8 bytes freed 1
fromstring, nothing, complex: 0; of 16 bytes freed 1
fromstring, x: error; of 8 bytes freed 1
fromfile with sep, nothing: 0; of 8 bytes freed 1
END
cmp -s wanted seen || { echo "changed"; exit 1; }

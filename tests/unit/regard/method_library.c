/* SPDX-License-Identifier: MIT */
/*
 * Functions that Python would know by tables of methods, and others that look so. It is linked
 * several ways, with symbols and without: what the latter is said to hold must be in the former.
 *
 * A function NAME whose Python name is to be found is called method_NAME; no other name may be.
 */
#include <stddef.h>

typedef void *function(void *, void *);
struct method {
    const char *name;
    function *function;
    int flags;
    const char *text;
};
struct module { /* PyModuleDef */
    size_t head[5];
    const char *name, *text;
    long size;
    struct method *methods;
    void *more[4];
};
struct type { /* PyTypeObject */
    size_t head[3];
    const char *name;
    long size, item_size;
    void *slots[23];
    struct method *methods;
    void *more[20];
};
struct slot {
    int slot;
    void *value;
};

/* Each has a body of its own, or the linker might make one of two. */
#define FUNCTION(name, number)                                                                     \
    static void *name(void *a, void *b)                                                            \
    {                                                                                              \
        return (char *)a + (number) * (b != NULL);                                                 \
    }
FUNCTION(method_first, 11)
FUNCTION(method_second, 12)
FUNCTION(method_third, 13)
FUNCTION(method_append, 21)
FUNCTION(method_copied, 22)
FUNCTION(method_slotted, 31)
FUNCTION(unended, 41)
FUNCTION(flagged, 42)
FUNCTION(spelled, 43)
FUNCTION(gotten, 44)
FUNCTION(unlisted, 45)
void *PyLibrary_Exported(void *a, void *b);
void *PyLibrary_Exported(void *a, void *b)
{
    return (char *)a + 51 * (b != NULL);
}
#ifdef PROGRAM
void *Py_GenericAlias(void *, void *);
void *Py_GenericAlias(void *a, void *b)
{
    return (char *)a + 52 * (b != NULL);
}
#else
extern void *Py_GenericAlias(void *, void *) __attribute__((weak)); /* in another file */
#endif

static struct method of_module[] = {
    {"first", method_first, 1, "first(x)"},
    {"second", method_second, 0x82, NULL},
    {"__class_getitem__", Py_GenericAlias, 8 | 16, "elsewhere"},
    {"exported", PyLibrary_Exported, 4, NULL},
    {"third", method_third, 0x282, "third"},
    {NULL, NULL, 0, NULL},
};
static struct method of_type[] = {
    {"append", method_append, 8, NULL},
    {"__copied__", method_copied, 4, "the same as below"},
    {"copied", method_copied, 4, NULL},
    {NULL, NULL, 0, NULL},
};
static struct method of_slots[] = {{"slotted", method_slotted, 3, NULL}, {NULL, NULL, 0, NULL}};

/* These are none: without an end, with flags that there are not, with a name that is none, of other
 * members. */
struct method no_end[] = {{"unended", unended, 1, NULL}, {"more", NULL, 7, NULL}};
struct method no_flags[] = {{"flagged", flagged, 5, NULL}, {NULL, NULL, 0, NULL}};
struct method no_name[] = {{"two words", spelled, 1, NULL}, {NULL, NULL, 0, NULL}};
struct {
    const char *name;
    function *get, *set;
    const char *text;
    void *closure;
} no_method[] = {{"gotten", gotten, NULL, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL}};

struct module library_module = {.head = {1}, .name = "library", .size = -1, .methods = of_module};
struct type library_type = {.head = {1}, .name = "library.List", .size = 40, .methods = of_type};
struct slot library_slots[] = {{66, (void *)no_end},
                               {56, (void *)"what stands before"},
                               {64, (void *)of_slots},
                               {73, (void *)no_method},
                               {0, NULL}};

void *PyInit_library(void *which);
void *PyInit_library(void *which)
{
    return which != NULL ? unlisted(which, which) : (void *)&library_module;
}

#ifdef PROGRAM
int main(void)
{
    return PyInit_library(NULL) == NULL;
}
#endif

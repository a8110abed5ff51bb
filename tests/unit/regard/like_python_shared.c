/* SPDX-License-Identifier: MIT */
/* What pyrec takes for a Python that is in a library, as main() is: see like_python.c. */
extern unsigned long Py_Version;

unsigned long like_version(void);

unsigned long like_version(void)
{
    return Py_Version;
}

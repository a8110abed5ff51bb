/* SPDX-License-Identifier: MIT */
#include "target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SCRIPTS_MAX  4   /* one inside the other; the kernel takes five */
#define LINE_MAX     256 /* of a script, as far as the kernel reads it */
#define HEADERS_MAX  16
#define ENTRIES_MAX  512 /* of a dynamic section */
#define PATH_DEFAULT "/bin:/usr/bin"

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#else
#define OUR_MACHINE EM_AARCH64
#endif

static int file_open(int directory, const char *path)
{
    /* not libc's: it may be somebody else's, and is where a thread may be cancelled */
    return (int)syscall(SYS_openat, directory, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static size_t file_read(int fd, void *to, size_t len, uint64_t from)
{
    const long n = syscall(SYS_pread64, fd, to, len, from);
    return n > 0 ? (size_t)n : 0;
}

/* ---- what it is linked with ---- */

static bool is_sanitizer(const char *name)
{
    static const char *const runtimes[] = {"libasan.so",         "libhwasan.so",
                                           "libtsan.so",         "libclang_rt.asan",
                                           "libclang_rt.hwasan", "libclang_rt.tsan"};
    for (size_t i = 0; i < sizeof runtimes / sizeof runtimes[0]; i++)
        if (strncmp(name, runtimes[i], strlen(runtimes[i])) == 0)
            return true;
    return false;
}

struct headers {
    ElfW(Phdr) list[HEADERS_MAX];
    size_t n;
};

static uint64_t offset_of(const struct headers *headers, uint64_t address)
{
    for (size_t i = 0; i < headers->n; i++) {
        const ElfW(Phdr) *const header = &headers->list[i];
        if (header->p_type == PT_LOAD && address - header->p_vaddr < header->p_filesz)
            return address - header->p_vaddr + header->p_offset;
    }
    return 0;
}

/* Go through the dynamic section: the first time for where the names are, then for the names. */
static bool section_needs_sanitizer(int fd, const struct headers *headers, uint64_t from)
{
    uint64_t names = 0;
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < ENTRIES_MAX; i++) {
            ElfW(Dyn) entry;
            char name[24];
            if (file_read(fd, &entry, sizeof entry, from + i * sizeof entry) != sizeof entry ||
                entry.d_tag == DT_NULL)
                break;
            if (entry.d_tag == DT_STRTAB)
                names = offset_of(headers, entry.d_un.d_ptr);
            if (round == 0 || entry.d_tag != DT_NEEDED)
                continue;
            memset(name, 0, sizeof name);
            (void)file_read(fd, name, sizeof name - 1, names + entry.d_un.d_val);
            if (is_sanitizer(name))
                return true;
        }
        if (names == 0)
            break;
    }
    return false;
}

static enum target program_look(int fd, const ElfW(Ehdr) * file)
{
    struct headers headers;
    const unsigned char *const ident = file->e_ident;
    if (ident[EI_CLASS] != ELFCLASS64 || file->e_machine != OUR_MACHINE)
        return TARGET_FOREIGN;
    headers.n = file->e_phnum < HEADERS_MAX ? file->e_phnum : HEADERS_MAX;
    if (file->e_phentsize != sizeof headers.list[0])
        return TARGET_FITS;
    headers.n = file_read(fd, headers.list, headers.n * sizeof headers.list[0], file->e_phoff) /
                sizeof headers.list[0];
    for (size_t i = 0; i < headers.n; i++)
        if (headers.list[i].p_type == PT_DYNAMIC &&
            section_needs_sanitizer(fd, &headers, headers.list[i].p_offset))
            return TARGET_SANITIZED;
    return TARGET_FITS;
}

/* ---- what it is ---- */

/* The interpreter of a script that begins with `line`; NULL when there is none. */
static const char *interpreter_of(char *line)
{
    char *at = line + 2 + strspn(line + 2, " \t");
    const size_t len = strcspn(at, " \t\n");
    if (len == 0)
        return NULL;
    at[len] = '\0';
    return at;
}

/* A script's interpreter goes to `line`, and true is returned: look at that one. */
static bool file_look(int directory, const char *path, char *line, enum target *target)
{
    union {
        char text[LINE_MAX];
        ElfW(Ehdr) file;
    } head;
    const int fd = file_open(directory, path);
    *target = TARGET_FITS;
    if (fd < 0)
        return false;
    memset(&head, 0, sizeof head);
    const size_t n = file_read(fd, &head, sizeof head - 1, 0);
    const bool is_script = n > 2 && memcmp(head.text, "#!", 2) == 0;
    if (n >= sizeof head.file && memcmp(head.text, ELFMAG, SELFMAG) == 0)
        *target = program_look(fd, &head.file);
    (void)syscall(SYS_close, fd);
    if (is_script)
        memcpy(line, head.text, sizeof head.text);
    return is_script;
}

static bool is_there(int directory, const char *path, int mode)
{
    return syscall(SYS_faccessat, directory, path, mode) == 0;
}

enum target target_look(int directory, const char *path, const char *library)
{
    char line[LINE_MAX];
    enum target target = TARGET_UNSEEN;
    const int saved = errno;
    if (is_there(AT_FDCWD, library, R_OK)) {
        const char *at = path;
        for (int i = 0; at != NULL && i <= SCRIPTS_MAX && file_look(directory, at, line, &target);
             i++) {
            at = interpreter_of(line);
            directory = AT_FDCWD;
        }
    }
    errno = saved;
    return target;
}

enum target target_look_in_path(const char *name, const char *path, const char *library)
{
    char file[1024];
    const size_t name_len = strlen(name);
    const int saved = errno;
    if (strchr(name, '/') != NULL)
        return target_look(AT_FDCWD, name, library);
    for (const char *at = path != NULL ? path : PATH_DEFAULT;; at++) {
        const size_t len = strcspn(at, ":");
        if (len + 1 + name_len < sizeof file) {
            memcpy(file, at, len);
            file[len] = '/'; /* an empty entry is the directory that we are in */
            memcpy(file + len + (len > 0), name, name_len + 1);
            if (is_there(AT_FDCWD, file, X_OK)) {
                errno = saved;
                return target_look(AT_FDCWD, file, library);
            }
        }
        at += len;
        if (*at == '\0')
            break;
    }
    errno = saved;
    return is_there(AT_FDCWD, library, R_OK) ? TARGET_FITS : TARGET_UNSEEN;
}

const char *target_text(enum target target)
{
    switch (target) {
    case TARGET_FITS:
        break;
    case TARGET_FOREIGN:
        return "a 32-bit program, or one for another machine";
    case TARGET_SANITIZED:
        return "built with a sanitizer, whose library has to be the first";
    case TARGET_UNSEEN:
        return "in another root directory, where libpyrec.so is not";
    }
    return "";
}

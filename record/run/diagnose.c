/* SPDX-License-Identifier: MIT */
#include "diagnose.h"

#include "launch.h"
#include "record/base/target.h"
#include "record/collect/suspect.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAX_SCRIPTS 4 /* an interpreter may be a script itself; the kernel allows as many */

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#else
#error "which EM_ constant is this machine?"
#endif

/* What there is to know about an ELF file. */
struct elf_facts {
    bool is_elf, is_ours, is_shared;
    char loader[128]; /* PT_INTERP; "" = none, so nothing can be preloaded */
};

static void loader_read(int fd, const Elf64_Ehdr *head, struct elf_facts *facts)
{
    for (unsigned i = 0; i < head->e_phnum; i++) {
        Elf64_Phdr part;
        const off_t at = (off_t)(head->e_phoff + (uint64_t)i * head->e_phentsize);
        if (pread(fd, &part, sizeof part, at) != sizeof part)
            return;
        if (part.p_type != PT_INTERP || part.p_filesz >= sizeof facts->loader)
            continue;
        const ssize_t n = pread(fd, facts->loader, part.p_filesz, (off_t)part.p_offset);
        facts->loader[n > 0 ? n : 0] = '\0';
    }
}

static void elf_read(int fd, struct elf_facts *facts)
{
    Elf64_Ehdr head;
    *facts = (struct elf_facts){.is_elf = false};
    if (pread(fd, &head, sizeof head, 0) < (ssize_t)EI_NIDENT + 4 ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
        return;
    facts->is_elf = true;
    facts->is_ours = head.e_ident[EI_CLASS] == ELFCLASS64 && head.e_machine == OUR_MACHINE;
    if (facts->is_ours)
        loader_read(fd, &head, facts);
}

/* The loader ignores LD_PRELOAD for programs that run with more rights than their caller. */
static bool gains_rights(int fd)
{
    struct stat file;
    if (fstat(fd, &file) != 0)
        return false;
    return ((file.st_mode & S_ISUID) != 0 && file.st_uid != geteuid()) ||
           ((file.st_mode & S_ISGID) != 0 && file.st_gid != getegid()) ||
           fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

/* The interpreter in a script's first line, as a path; false when there is none. */
static bool script_follow(int fd, char path[PATH_MAX])
{
    char line[256], *rest = NULL;
    const ssize_t n = pread(fd, line, sizeof line - 1, 0);
    if (n < 2 || line[0] != '#' || line[1] != '!')
        return false;
    line[n] = '\0';
    line[strcspn(line, "\n")] = '\0';
    const char *word = strtok_r(line + 2, " \t", &rest);
    if (word == NULL)
        return false;
    const char *base = strrchr(word, '/');
    if (strcmp(base != NULL ? base + 1 : word, "env") == 0) {
        do /* env's own options and settings come before the command */
            word = strtok_r(NULL, " \t", &rest);
        while (word != NULL && (word[0] == '-' || strchr(word, '=') != NULL));
        struct launch found;
        if (word == NULL || launch_find_command(&found, word, NULL) != STATUS_OK)
            return false;
        word = found.path;
        snprintf(path, PATH_MAX, "%s", word);
        return true;
    }
    snprintf(path, PATH_MAX, "%s", word);
    return true;
}

/* The reason, as the end of a sentence that begins with the program's name. */
static const char *reason_of(int fd, const char *path)
{
    struct elf_facts facts;
    elf_read(fd, &facts);
    if (facts.is_elf && !facts.is_ours)
        return "is a program for another machine";
    if (facts.is_elf && facts.loader[0] == '\0')
        return "is statically linked: nothing can be loaded into it";
    if (target_look(AT_FDCWD, path, path) == TARGET_SANITIZED)
        return "is built with a sanitizer, whose library has to be the first one in it";
    if (strstr(facts.loader, "ld-musl") != NULL)
        return "is linked with musl; only glibc programs can be recorded";
    if (gains_rights(fd))
        return "runs with rights of its own (set-user-ID or capabilities): "
               "the loader does not let us in";
    if (suspect_file_is_pypy(path))
        return "is PyPy; only CPython can be recorded";
    if (suspect_file_is_python(path))
        return "is Python, but nothing was heard of its recorder, and it ended before it could be "
               "seen why (that takes up to three seconds)";
    return "is not Python, and none was seen in it";
}

void diagnose_command(const char *path, struct problem *why)
{
    char at[PATH_MAX], real[PATH_MAX];
    snprintf(at, sizeof at, "%s", path);
    for (int i = 0; i <= MAX_SCRIPTS; i++) {
        const int fd = open(at, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
            break;
        if (i == MAX_SCRIPTS || !script_follow(fd, at)) {
            const char *slash = strrchr(realpath(at, real) != NULL ? real : at, '/');
            const char *name = slash != NULL ? slash + 1 : at;
            problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET, "%.80s %s", name,
                        reason_of(fd, at));
            close(fd);
            return;
        }
        close(fd);
    }
    problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET, "%.120s cannot be read", at);
}

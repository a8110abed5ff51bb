/* SPDX-License-Identifier: MIT */
#include "remote.h"
#include "record/agent/base/peek.h"
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES    64u
#define PAGE_LEN 4096u

static struct {
    pid_t pid;
    struct {
        uintptr_t at;
        bool valid, readable;
        bool asked; /* since the last step */
        uint8_t bytes[PAGE_LEN];
    } page[PAGES];
} cache;

void remote_look_at(pid_t pid)
{
    cache.pid = pid;
    for (unsigned i = 0; i < PAGES; i++)
        cache.page[i].valid = cache.page[i].asked = false;
}

/* What was asked for after one step is asked for after the next as well, mostly: one call reads all
 * of it, a call for each page takes half as long again. */
void remote_refresh(void)
{
    struct iovec local[PAGES], remote[PAGES];
    unsigned which[PAGES], n = 0;
    for (unsigned i = 0; i < PAGES; i++) {
        if (cache.page[i].asked && cache.page[i].readable) {
            local[n] = (struct iovec){cache.page[i].bytes, PAGE_LEN};
            remote[n] = (struct iovec){(void *)cache.page[i].at, PAGE_LEN};
            which[n++] = i;
        }
        cache.page[i].valid = cache.page[i].asked = false;
    }
    ssize_t len = n > 0 ? process_vm_readv(cache.pid, local, n, remote, n, 0) : 0;
    for (unsigned k = 0; k < n && len >= (ssize_t)PAGE_LEN; k++, len -= PAGE_LEN)
        cache.page[which[k]].valid = true; /* those before one that cannot be read any more */
}

uint64_t peek(uintptr_t address, uint32_t *bad)
{
    const uintptr_t page = address & ~(uintptr_t)(PAGE_LEN - 1);
    const unsigned i = (unsigned)(page / PAGE_LEN) % PAGES;
    if (!cache.page[i].valid || cache.page[i].at != page) {
        struct iovec local = {cache.page[i].bytes, PAGE_LEN};
        struct iovec remote = {(void *)page, PAGE_LEN};
        cache.page[i].at = page;
        cache.page[i].valid = true;
        cache.page[i].readable = process_vm_readv(cache.pid, &local, 1, &remote, 1, 0) == PAGE_LEN;
    }
    cache.page[i].asked = true;
    uint64_t value = 0;
    if (cache.page[i].readable && address - page <= PAGE_LEN - 8)
        memcpy(&value, cache.page[i].bytes + (address - page), 8);
    else
        *bad = 1;
    return value;
}

bool peek_bytes(void *to, uintptr_t from, size_t len)
{
    struct iovec local = {to, len}, remote = {(void *)from, len};
    return process_vm_readv(cache.pid, &local, 1, &remote, 1, 0) == (ssize_t)len;
}

/* ---- finding symbols ---- */

/* Value of a dynamic symbol in an ELF file; 0 = not there. */
static uintptr_t elf_symbol(const uint8_t *file, size_t size, const char *name, bool *relocated)
{
    const Elf64_Ehdr *const head = (const Elf64_Ehdr *)(const void *)file;
    if (size < sizeof(*head) || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0)
        return 0;
    *relocated = head->e_type == ET_DYN;
    const Elf64_Shdr *const sections = (const Elf64_Shdr *)(const void *)(file + head->e_shoff);
    for (unsigned i = 0; i < head->e_shnum; i++) {
        if (sections[i].sh_type != SHT_DYNSYM)
            continue;
        const Elf64_Sym *const symbols =
            (const Elf64_Sym *)(const void *)(file + sections[i].sh_offset);
        const char *const names = (const char *)file + sections[sections[i].sh_link].sh_offset;
        for (size_t k = 0; k < sections[i].sh_size / sizeof(Elf64_Sym); k++)
            if (symbols[k].st_value != 0 && strcmp(names + symbols[k].st_name, name) == 0)
                return symbols[k].st_value;
    }
    return 0;
}

/* Look into one mapped file. */
static bool file_search(struct remote *remote, const char *path, uintptr_t base)
{
    struct stat stat;
    const int fd = open(path, O_RDONLY);
    if (fd < 0)
        return false;
    bool relocated = false;
    if (fstat(fd, &stat) == 0 && stat.st_size > 0) {
        const size_t size = (size_t)stat.st_size;
        uint8_t *const file = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (file != MAP_FAILED) {
            remote->runtime = elf_symbol(file, size, "_PyRuntime", &relocated);
            remote->code_type = elf_symbol(file, size, "PyCode_Type", &relocated);
            remote->eval_loop = elf_symbol(file, size, "_PyEval_EvalFrameDefault", &relocated);
            munmap(file, size);
        }
    }
    close(fd);
    if (remote->runtime == 0 || remote->code_type == 0)
        return false;
    remote->runtime += relocated ? base : 0;
    remote->code_type += relocated ? base : 0;
    remote->eval_loop += relocated ? base : 0;
    return true;
}

static bool interpreter_search(struct remote *remote, pid_t pid)
{
    char path[64], line[4400], file[4096];
    snprintf(path, sizeof(path), "/proc/%d/maps", pid);
    FILE *const maps = fopen(path, "r");
    bool found = false;
    while (maps != NULL && !found && fgets(line, sizeof(line), maps) != NULL) {
        unsigned long base, offset;
        if (sscanf(line, "%lx-%*x %*s %lx %*s %*s %4095s", &base, &offset, file) == 3 &&
            offset == 0 && strstr(file, "python") != NULL)
            found = file_search(remote, file, base);
    }
    if (maps != NULL)
        fclose(maps);
    return found;
}

static unsigned minor_of(const struct remote *remote, pid_t pid)
{
    uint64_t words[2];
    char path[64], file[4096];
    if (peek_bytes(words, remote->runtime, sizeof(words)) && memcmp(words, "xdebugpy", 8) == 0)
        return words[1] >> 16 & 0xff;
    /* older ones: from the name of the binary or the library */
    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    const ssize_t n = readlink(path, file, sizeof(file) - 1);
    file[n > 0 ? n : 0] = '\0';
    const char *const at = strstr(file, "python3.");
    return at ? (unsigned)strtoul(at + 8, NULL, 10) : 0;
}

bool remote_open(struct remote *remote, pid_t pid, char *why, size_t size)
{
    memset(remote, 0, sizeof(*remote));
    remote_look_at(pid);
    if (!interpreter_search(remote, pid)) {
        snprintf(why, size, "no interpreter found in it");
        return false;
    }
    const unsigned minor = minor_of(remote, pid);
    const struct pyver *const ver = pyver_find(minor < pyver_newest() ? minor : pyver_newest());
    if (ver == NULL) {
        snprintf(why, size, "its version is not known");
        return false;
    }
    remote->ver = *ver;
    remote->ver.minor = (uint8_t)minor; /* what is newer must say where things are */
    uint64_t words[PYVER_WORDS];
    bool free_threaded = false;
    const char *problem = NULL;
    if (ver->minor >= 13 && peek_bytes(words, remote->runtime, sizeof(words)))
        problem = pyver_adopt(&remote->ver, words, &free_threaded);
    uint32_t bad = 0;
    const uintptr_t state = peek(remote->runtime + remote->ver.runtime.interpreters_head, &bad);
    remote->tstate = state ? peek(state + remote->ver.interp.threads_head, &bad) : 0;
    if (problem != NULL || bad || remote->tstate == 0) {
        snprintf(why, size, "%s", problem ? problem : "it has no thread state");
        return false;
    }
    return true;
}

/* ---- starting it ---- */

/* Let it run until it stops itself. */
static bool run_to_stop(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
        if (WSTOPSIG(status) == SIGSTOP)
            return true;
        ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
    }
    return false;
}

pid_t remote_start(char **command)
{
    const pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
        execv(command[0], command);
        _exit(127);
    }
    return pid > 0 && run_to_stop(pid) ? pid : -1;
}

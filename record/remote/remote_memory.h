/* SPDX-License-Identifier: MIT */
/*
 * remote_memory - the memory of another process: bytes, what is mapped where, names in its
 * libraries.
 *
 * On the line:  beside it; whoever attaches to a program, or looks at it from outside, asks here.
 * Threads:      any; a struct is one thread's at a time.
 * Memory:       structs are the caller's; remote_maps_read and remote_images_read own what they
 *               list until remote_maps_clear, remote_images_clear.
 * Loss:         the other process goes on meanwhile: what is read may have changed before it is
 *               used, and a mapping may be gone. Every answer may be "cannot be read".
 *
 * Nothing in there is believed: all sizes are bounded, all loops end, whatever the other process
 * wrote into its own headers. No file is opened: the paths that the kernel shows are names for
 * people, and may lead anywhere in the other process's file system.
 *
 * Only those whom the kernel lets ptrace the process can read its memory.
 */
#ifndef PYREC_RECORD_REMOTE_MEMORY_H
#define PYREC_RECORD_REMOTE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- bytes ---- */

/* Whose memory. */
struct remote {
    pid_t pid; /* of the process */
    pid_t tid; /* of a thread that has the memory: the first one may have ended long ago */
    /* Instead of the kernel, for tests; NULL = the kernel. */
    bool (*read)(void *closure, uint64_t at, void *to, size_t n);
    void *closure;
};

/* Find a thread of the process that has its memory. 0, ESRCH (there is none: a zombie, or gone),
 * or why we may not read it, as an errno. */
int remote_open(struct remote *remote, pid_t pid);

/* All of it, or false. When `tid` has ended meanwhile, by way of another thread. */
bool remote_read(const struct remote *remote, uint64_t at, void *to, size_t n);

/* All of it, or false: some of it may be there then. Where the process itself may write. */
bool remote_write(const struct remote *remote, uint64_t at, const void *from, size_t n);

/* A string that ends within `size` bytes; false when it does not, or cannot be read. */
bool remote_read_text(const struct remote *remote, uint64_t at, char *to, size_t size);

/* ---- what is mapped ---- */

enum remote_rights { REMOTE_READ = 1, REMOTE_WRITE = 2, REMOTE_EXECUTE = 4, REMOTE_SHARED = 8 };

struct remote_map {
    uint64_t from, to; /* addresses, the second one behind it */
    uint64_t offset;   /* in the file */
    uint64_t inode;    /* 0 = no file */
    uint32_t rights;   /* enum remote_rights */
    const char *path;  /* as the kernel shows it, "" = none; "[heap]" and so on */
};

struct remote_maps {
    struct remote_map *list; /* in the order of their addresses */
    uint32_t n, capacity;
    char *text;
};

/* 0 or an errno; also after a failure remote_maps_clear may be called. */
int remote_maps_read(struct remote_maps *maps, const struct remote *remote);
void remote_maps_clear(struct remote_maps *maps);

/* The same from what /proc/PID/maps says, which is taken (malloc'd, NUL-terminated). */
int remote_maps_parse(struct remote_maps *maps, char *text);

/* The mapping that holds `address`; NULL = nothing is there. */
const struct remote_map *remote_maps_find(const struct remote_maps *maps, uint64_t address);

/* ---- names in its programs and libraries ---- */

#define REMOTE_HEADERS_MAX 64
#define REMOTE_NAME_MAX    128

/* A part of an image as its program headers say. */
struct remote_segment {
    uint64_t from, to; /* in memory, as long as the image says, not rounded to pages */
    uint32_t rights;   /* enum remote_rights */
};

struct remote_image {
    const char *path;  /* of the mapping; borrowed, "" = not known */
    uint64_t base;     /* what its addresses count from */
    uint64_t from, to; /* from its first byte to behind its last one */
    uint64_t dynamic;  /* where its dynamic section is; 0 = it has none: statically linked */
    uint64_t symbols, strings, gnu_hash, hash, versions; /* its tables; 0 = none */
    uint64_t strings_len;
    uint32_t n_segments;
    struct remote_segment segments[REMOTE_HEADERS_MAX];
    char soname[REMOTE_NAME_MAX]; /* "" = none */
};

/* What the ELF header at `at` begins. False when there is none that this machine could run. */
bool remote_image_open(struct remote_image *image, const struct remote *remote, uint64_t at);

/*
 * Where `name` is, a function or an object in the version that a program linked today would get,
 * and how long (`size`, may be NULL); 0 when it is not defined there. Of a function that has
 * several bodies (IFUNC) nothing is said: 0.
 */
uint64_t remote_image_find(const struct remote_image *image, const struct remote *remote,
                           const char *name, uint64_t *size);

/* The name without folders of its file, or its soname where it has one. */
const char *remote_image_name(const struct remote_image *image);

/* All that is mapped from files, in the order of their addresses. */
struct remote_images {
    struct remote_image *list;
    uint32_t n, capacity;
};

/* `maps` is borrowed for as long. False: no memory. */
bool remote_images_read(struct remote_images *images, const struct remote *remote,
                        const struct remote_maps *maps);
void remote_images_clear(struct remote_images *images);

/* The first whose name begins so ("libc.so."); NULL = none. */
const struct remote_image *remote_images_named(const struct remote_images *images,
                                               const char *start);

/* The first that defines `name`; *at is where. NULL = none. */
const struct remote_image *remote_images_find(const struct remote_images *images,
                                              const struct remote *remote, const char *name,
                                              uint64_t *at);

#endif

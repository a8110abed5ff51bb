/* SPDX-License-Identifier: MIT */
/*
 * star_key - numbers for what rows of tables are about, the same wherever they are made.
 *
 * On the line:  names -> [star_key] -> rows of all tables
 * Threads:      one at a time: texts are in the key's own buffer.
 * Memory:       struct star_key is the caller's, zeroed; star_key_clear takes its buffer.
 * Loss:         two things may get one number by chance: among a thousand million stacks there is
 *               such a pair with a probability of 0.05.
 *
 * A number is made of what the thing is: of a function its name, file and first line; of a location
 * the function and the line; of a stack the caller's and the location. So a function has one number
 * on all hosts, in all recordings and versions in which it is the same, and tables of many
 * recordings can be put one behind the other. A process or thread is of its recording.
 *
 * With a secret key the numbers are others, and names can be hashed by it: who has not the key
 * cannot try out whether a name that he knows is among them.
 *
 * Always true:  a number is above 0 and below 2^63.
 */
#ifndef PYREC_ANALYZE_STAR_KEY_H
#define PYREC_ANALYZE_STAR_KEY_H

#include "analyze/base/buffer.h"
#include "format/status.h"
#include "siphash.h"

#include <stdbool.h>

struct recording;

/* What becomes of names, paths and words of the program. */
enum redaction {
    REDACT_NOTHING,
    REDACT_HASH, /* 16 hexadecimal digits, by the key */
    REDACT_DROP, /* left out */
};

struct star_key {
    enum redaction redaction;
    uint8_t secret[SIPHASH_KEY_LEN]; /* zeros when nothing is redacted */
    struct buffer bytes, text;
};

/* The key of a file: 32 hexadecimal digits. STATUS_USAGE when it is none, STATUS_IO when not read.
 */
MUST_CHECK enum status star_key_read(struct star_key *key, const char *path, struct problem *why);

/* A key that nobody knows, and that is gone with this process. */
MUST_CHECK enum status star_key_random(struct star_key *key, struct problem *why);
void star_key_clear(struct star_key *key);

uint64_t star_key_function(struct star_key *key, const char *name, const char *file, uint32_t line);
uint64_t star_key_location(struct star_key *key, uint64_t function, uint32_t line);

/* `parent` 0: it is the root. */
uint64_t star_key_stack(struct star_key *key, uint64_t parent, uint64_t location);
uint64_t star_key_process(struct star_key *key, const char *recording, uint32_t number);
uint64_t star_key_thread(struct star_key *key, uint64_t process, uint32_t id);

/* What of such a text leaves: itself, its hash, NULL = nothing. Good until the next call. */
const char *star_key_text(struct star_key *key, const char *text);

#endif

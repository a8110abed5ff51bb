/* SPDX-License-Identifier: MIT */
#include "star_key.h"

#include "analyze/base/plain_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define KEY_FILE_MAX 4096u

/* What is hashed begins with its kind, so that no two kinds have a number by the same bytes. */
enum kind {
    KIND_FUNCTION = 'f',
    KIND_LOCATION = 'l',
    KIND_STACK = 's',
    KIND_PROCESS = 'p',
    KIND_THREAD = 't',
    KIND_TEXT = 'n'
};

static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *const at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

enum status star_key_read(struct star_key *key, const char *path, struct problem *why)
{
    struct plain_file file;
    TRY(plain_file_read(&file, path, KEY_FILE_MAX, "a key", why));
    const size_t len = strcspn(file.bytes, "\r\n");
    bool good =
        len == 2 * (size_t)SIPHASH_KEY_LEN && len + strspn(file.bytes + len, "\r\n") == file.len;
    for (size_t i = 0; i < SIPHASH_KEY_LEN && good; i++) {
        const int high = digit_of(file.bytes[2 * i]), low = digit_of(file.bytes[2 * i + 1]);
        good = high >= 0 && low >= 0;
        key->secret[i] = (uint8_t)(good ? high << 4 | low : 0);
    }
    explicit_bzero(file.bytes, file.len);
    free(file.bytes);
    if (good)
        return STATUS_OK;
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                       "%s: a key is a line of 32 hexadecimal digits; `openssl rand -hex 16` makes "
                       "one",
                       path);
}

enum status star_key_random(struct star_key *key, struct problem *why)
{
    if (getrandom(key->secret, sizeof key->secret, 0) == (ssize_t)sizeof key->secret)
        return STATUS_OK;
    return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "no random numbers: %s", strerror(errno));
}

void star_key_clear(struct star_key *key)
{
    buffer_clear(&key->bytes);
    buffer_clear(&key->text);
    explicit_bzero(key, sizeof *key);
}

static void begin(struct star_key *key, enum kind kind)
{
    const char c = (char)kind;
    buffer_reset(&key->bytes);
    buffer_add(&key->bytes, &c, 1);
}

/* The lowest byte first, whatever the machine. */
static void add_number(struct star_key *key, uint64_t number)
{
    char bytes[8];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(number >> (8 * i) & 0xff);
    buffer_add(&key->bytes, bytes, sizeof bytes);
}

static void add_text(struct star_key *key, const char *text)
{
    buffer_add(&key->bytes, text, strlen(text) + 1);
}

static uint64_t hash_of(const struct star_key *key)
{
    return siphash(key->secret, key->bytes.text, key->bytes.len);
}

/* As signed numbers of 64 bits, which every engine has. */
static uint64_t number_of(const struct star_key *key)
{
    const uint64_t number = hash_of(key) & INT64_MAX;
    return number > 0 ? number : 1;
}

uint64_t star_key_function(struct star_key *key, const char *name, const char *file, uint32_t line)
{
    begin(key, KIND_FUNCTION);
    add_text(key, name);
    add_text(key, file);
    add_number(key, line);
    return number_of(key);
}

static uint64_t number_of_pair(struct star_key *key, enum kind kind, uint64_t a, uint64_t b)
{
    begin(key, kind);
    add_number(key, a);
    add_number(key, b);
    return number_of(key);
}

uint64_t star_key_location(struct star_key *key, uint64_t function, uint32_t line)
{
    return number_of_pair(key, KIND_LOCATION, function, line);
}

uint64_t star_key_stack(struct star_key *key, uint64_t parent, uint64_t location)
{
    return number_of_pair(key, KIND_STACK, parent, location);
}

uint64_t star_key_process(struct star_key *key, const char *recording, uint32_t number)
{
    begin(key, KIND_PROCESS);
    add_text(key, recording);
    add_number(key, number);
    return number_of(key);
}

uint64_t star_key_thread(struct star_key *key, uint64_t process, uint32_t id)
{
    return number_of_pair(key, KIND_THREAD, process, id);
}

const char *star_key_text(struct star_key *key, const char *text)
{
    if (key->redaction == REDACT_NOTHING || text == NULL || text[0] == '\0')
        return text;
    if (key->redaction == REDACT_DROP)
        return NULL;
    begin(key, KIND_TEXT);
    add_text(key, text);
    buffer_reset(&key->text);
    buffer_print(&key->text, "%016" PRIx64, hash_of(key));
    return key->text.text;
}

// Reverses each word but those with punctuation in them: a core module of the SE2 plugin ABI, in C.
//
// The host calls `allocate`, copies the payload there, calls `run_e`, and `deallocate` in the end. Exactly one of `return_result`
// and `return_error` must be called in `run_e`, with the id that it was given.

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define IMPORT(name) __attribute__((import_module("env"), import_name(#name)))
#define EXPORT(name) __attribute__((export_name(#name)))

enum level { ERROR = 1, WARNING, INFO, DEBUG };

IMPORT(return_result) void return_result(const char *result, int32_t length, int32_t id);
IMPORT(return_error) void return_error(int32_t code, const char *message, int32_t length, int32_t id);
IMPORT(log_msg) void log_msg(const char *message, int32_t length, int32_t level, int32_t id);

static const char PUNCTUATION[] = ".,'!?\"";

static void fail(int32_t code, const char *message, int32_t id) {
    return_error(code, message, (int32_t)strlen(message), id);
}

// The length of the UTF-8 character that begins here; 0 if none does.
static size_t character(const unsigned char *text, size_t left) {
    size_t length = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : text[0] >> 3 == 30 ? 4 : 0;
    if (length > left) return 0;
    for (size_t i = 1; i < length; i++)
        if (text[i] >> 6 != 2) return 0;
    return length;
}

static bool punctuated(const char *word, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (memchr(PUNCTUATION, word[i], sizeof PUNCTUATION - 1)) return true;
    return false;
}

// Writes a word's characters from the last to the first. False if they are no UTF-8.
static bool reverse(const char *word, size_t length, char *out) {
    for (size_t at = 0; at < length;) {
        size_t bytes = character((const unsigned char *)word + at, length - at);
        if (bytes == 0) return false;
        at += bytes;
        memcpy(out + length - at, word + at - bytes, bytes);
    }
    return true;
}

EXPORT(allocate) void *allocate(int32_t length) { return malloc(length > 0 ? (size_t)length : 1); }

EXPORT(deallocate) void deallocate(void *memory, int32_t length) {
    (void)length;
    free(memory);
}

EXPORT(run_e) void run_e(const char *payload, int32_t length, int32_t id) {
    static const char start[] = "reverses words";
    log_msg(start, sizeof start - 1, DEBUG, id);
    size_t left = length > 0 ? (size_t)length : 0;
    char *result = malloc(left + 1);
    if (!result) return fail(500, "There is not memory enough for this text.", id);
    for (size_t at = 0; at < left;) {
        const char *space = memchr(payload + at, ' ', left - at);
        size_t word = space ? (size_t)(space - payload) - at : left - at;
        if (punctuated(payload + at, word)) {
            memcpy(result + at, payload + at, word);
        } else if (!reverse(payload + at, word, result + at)) {
            free(result);
            return fail(400, "The text must be UTF-8.", id);
        }
        at += word;
        if (space) result[at++] = ' ';
    }
    return_result(result, (int32_t)left, id);
    free(result);
}

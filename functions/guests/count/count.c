// Counts what comes on stdin: a WASI command in C.

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>

int main(void) {
    unsigned long bytes = 0, words = 0, lines = 0;
    bool inside = false;
    for (int c; (c = getchar()) != EOF;) {
        bool space = isspace(c);
        words += inside && space;
        lines += c == '\n';
        bytes++;
        inside = !space;
    }
    words += inside;
    if (ferror(stdin)) {
        // The host logs this; the caller is told that the function failed.
        fputs("stdin cannot be read\n", stderr);
        return 1;
    }
    printf("{\"bytes\":%lu,\"words\":%lu,\"lines\":%lu}\n", bytes, words, lines);
    return 0;
}

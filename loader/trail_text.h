/*
 * An event in words, for people. Pure: event in, text out. Everything is escaped as
 * error_escape() does it, so that it is one line and no terminal is steered by it.
 */
#ifndef AGENTSH_TRAIL_TEXT_H
#define AGENTSH_TRAIL_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#define TRAIL_WORDS_SIZE ((size_t)16 * 1024) /* enough for a path of PATH_MAX bytes, each escaped or not */
#define TRAIL_CLOCK_SIZE 32U

/* What happened, such as "killed: ptrace is blocked (FILE:LINE)"; an unknown type as its members. */
void trail_words(const cJSON *event, char out[TRAIL_WORDS_SIZE]);

/* The name of the call, "system call 451" where it has none, to out. */
void trail_call(const cJSON *event, char *out, size_t size);

/* Local time, such as "2026-01-04 10:30:00.123"; "-" for 0, which is not known. */
void trail_clock(uint64_t time_us, char out[TRAIL_CLOCK_SIZE]);

/* A member escaped to out: a string, or a whole number; "-": null, missing or anything else. */
void trail_member(const cJSON *event, const char *name, char *out, size_t size);

/* The columns that text, escaped UTF-8, takes: its characters. */
size_t trail_columns(const char *text);

#endif

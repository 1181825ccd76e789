/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * util.h - clean-up by attribute, checked numbers, and words for people:
 * escaped strings, short ids, sizes and durations. Knows no BPF and no model.
 */
#ifndef FDPIN_UTIL_H
#define FDPIN_UTIL_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "schema.h"

/* ---- clean-up ----------------------------------------------------------- */

#define _cleanup_(fn) __attribute__((cleanup(fn)))

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

/* Hand over what a clean-up variable holds. */
#define TAKE_PTR(p)                     \
	({                              \
		__typeof__(p) _p = (p); \
		(p) = NULL;             \
		_p;                     \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NSEC_PER_SEC 1000000000ULL
#define NSEC_PER_MSEC 1000000ULL

/* The status of sysexits.h that tells of a negative errno. */
int exit_status(int err);

__u64 now_ns(void); /* CLOCK_MONOTONIC, the clock of every record */

/* The first line of a small file, without its end; false and "" if there is none, with errno. */
bool read_line(const char *path, char *buf, size_t size);

/* One more element of an array with room for *size, which doubles; NULL without memory, and nothing is lost. v is the address of the array's pointer. */
void *array_add(void *v, size_t *n, size_t *size, size_t element);

/* ---- numbers people type -------------------------------------------------
 *
 * All return 0 or -EINVAL, -ERANGE; on failure *ret is untouched.
 */

/* Decimal or 0x…, the whole string, nothing around it. */
int parse_u64(const char *s, __u64 *ret);
/* 512, 4K, 1.5G: IEC suffixes B K M G T, none means bytes. */
int parse_size(const char *s, __u64 *ret);
/* 10us, 5ms, 1.5s, 2m, 1h: a unit is required; only "0" goes without. */
int parse_duration(const char *s, __u64 *ret_ns);

struct u32_list {
	__u32 *v;
	unsigned int n;
};

#define U32_LIST_MAX 1024

/*
 * Comma-separated, appended to what the list has. On failure *ret_bad, which
 * the caller frees, is the item that is no number from 1 to 2^32-1.
 */
int parse_u32_list(const char *s, struct u32_list *list, char **ret_bad);
int u32_list_add(struct u32_list *list, __u32 v);
bool u32_list_has(const struct u32_list *list, __u32 v);
void u32_list_free(struct u32_list *list);

/* ---- words for people ---------------------------------------------------- */

/*
 * At most max bytes of a hostile string, for a terminal or a file: printable
 * ASCII and well-formed, printable UTF-8 stay; a backslash becomes \\; every
 * other byte, with it control, direction and invisible characters, \xNN.
 * Allocated; NULL when out of memory.
 */
char *escape_text(const char *s, size_t max);

/* The same, with backslashes as they are: of a text in which parts may have been escaped. */
char *escape_rest(const char *s, size_t max);
/* From now on bytes above 0x7f are escaped too: the terminal has no UTF-8. */
void escape_text_ascii(bool on);
/* Columns of an escaped string: code points, as none of them is wide enough to matter. */
size_t text_width(const char *s);

#define ID_NAME_MAX 24

/*
 * The short name of an object: vfio-3c1e, work-07a1. Four digits until two ids
 * of a kind have met that share them; from then on eight, for both. 0 is "-".
 * Returns buf.
 */
const char *id_name(enum obj_kind kind, __u64 id, char buf[ID_NAME_MAX]);
/* The same into ID_NAME_MAX bytes at p, not terminated; returns where it ends. */
char *append_id(char *p, enum obj_kind kind, __u64 id);
/* The other way: "vfio-3c1e", "3c1e" or eight digits; how many bits were given goes to *ret_bits. */
int parse_container(const char *s, __u64 *ret_id, unsigned int *ret_bits);

#define FORMAT_MAX 32
#define DECIMAL_MAX 20 /* digits of 2^64-1 */

/* The digits of a number, not terminated; returns where they end. */
char *append_decimal(char *p, __u64 v);

/* 4K, 52.4M, 8G: IEC, at most one decimal. Returns buf. */
const char *format_bytes(__u64 bytes, char buf[FORMAT_MAX]);
/* Pages of 4 KiB as such a size; "-" in front if there are fewer than none. */
const char *format_pages(__s64 pages, char buf[FORMAT_MAX]);
/* The same two into FORMAT_MAX bytes at p, not terminated; they return where they end. */
char *append_bytes(char *p, __u64 bytes);
char *append_pages(char *p, __s64 pages);
/* 850ns, 21.6ms, 1.00s, 13m32s, 2h05m, 3d04h. Returns buf. */
const char *format_duration(__u64 ns, char buf[FORMAT_MAX]);
/* 2026-11-24T23:27:35.131446120Z. Returns buf, which takes 40 bytes. */
const char *format_rfc3339(__u64 realtime_ns, char *buf, size_t size);

#endif

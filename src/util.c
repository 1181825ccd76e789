// SPDX-License-Identifier: GPL-2.0-only
/*
 * util.c - checked numbers and lists, sizes, durations and times.
 *
 * What people type is parsed strictly: a unit that can be mistaken is asked
 * for, and an item that is wrong can be named. No locale takes part, so that
 * a script reads the same everywhere. Strings are in text.c.
 */
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

int exit_status(int err)
{
	switch (-err) {
	case 0:
		return EX_OK;
	case EPERM:
	case EACCES:
		return EX_NOPERM;
	case EOPNOTSUPP:
	case ENOENT:
	case ESRCH:
		return EX_UNAVAILABLE;
	case EPIPE:
		return EX_OK;
	case EIO:
	case ENOSPC:
	case EFBIG:
	case EDQUOT:
		return EX_IOERR;
	default:
		return EX_OSERR;
	}
}

__u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

bool read_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(buf, size, f);

	if (!ok)
		buf[0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	if (f)
		fclose(f);
	return ok;
}

void *array_add(void *v, size_t *n, size_t *size, size_t element)
{
	char **array = v;

	if (*n == *size) {
		size_t more = *size ? *size * 2 : 64;
		char *bigger = reallocarray(*array, more, element);

		if (!bigger)
			return NULL;
		*array = bigger;
		*size = more;
	}
	return *array + (*n)++ * element;
}

int parse_u64(const char *s, __u64 *ret)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	unsigned long long v;
	char *end;

	/* strtoull() takes blanks and signs; we do not. */
	if (!isdigit((unsigned char)s[0]) || (hex && !isxdigit((unsigned char)s[2])))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, hex ? 16 : 10);
	if (errno == ERANGE)
		return -ERANGE;
	if (*end)
		return -EINVAL;
	*ret = v;
	return 0;
}

struct unit {
	const char *name;
	__u64 factor;
};

/*
 * "12.5" and a unit's name. The fraction counts up to nine digits, which is
 * a nanosecond of a second; more digits are refused, not rounded.
 */
static int parse_with_unit(const char *s, const struct unit *units, __u64 *ret)
{
	__u64 whole = 0, part = 0, scale = 1, total;
	const char *p = s;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, *p - '0', &whole))
			return -ERANGE;
	if (*p == '.') {
		if (!isdigit((unsigned char)*++p))
			return -EINVAL;
		for (; isdigit((unsigned char)*p); p++, scale *= 10) {
			if (scale == NSEC_PER_SEC)
				return -EINVAL;
			part = part * 10 + (*p - '0');
		}
	}
	for (; units->name; units++)
		if (!strcmp(units->name, p))
			break;
	if (!units->name)
		return -EINVAL;
	part = (unsigned __int128)part * units->factor / scale;
	if (__builtin_mul_overflow(whole, units->factor, &total) || __builtin_add_overflow(total, part, &total))
		return -ERANGE;
	*ret = total;
	return 0;
}

int parse_size(const char *s, __u64 *ret)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "B", 1 },
		{ "K", 1ULL << 10 },
		{ "KiB", 1ULL << 10 },
		{ "M", 1ULL << 20 },
		{ "MiB", 1ULL << 20 },
		{ "G", 1ULL << 30 },
		{ "GiB", 1ULL << 30 },
		{ "T", 1ULL << 40 },
		{ "TiB", 1ULL << 40 },
		{},
	};

	return parse_with_unit(s, units, ret);
}

int parse_duration(const char *s, __u64 *ret_ns)
{
	static const struct unit units[] = {
		{ "ns", 1 },
		{ "us", 1000 },
		{ "\xc2\xb5s", 1000 }, /* µs */
		{ "ms", NSEC_PER_MSEC },
		{ "s", NSEC_PER_SEC },
		{ "m", 60 * NSEC_PER_SEC },
		{ "h", 3600 * NSEC_PER_SEC },
		{},
	};

	if (!strcmp(s, "0")) {
		*ret_ns = 0;
		return 0;
	}
	return parse_with_unit(s, units, ret_ns);
}

int u32_list_add(struct u32_list *list, __u32 v)
{
	__u32 *more;

	if (u32_list_has(list, v))
		return 0;
	if (list->n >= U32_LIST_MAX)
		return -E2BIG;
	more = reallocarray(list->v, list->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	list->v = more;
	list->v[list->n++] = v;
	return 0;
}

bool u32_list_has(const struct u32_list *list, __u32 v)
{
	for (unsigned int i = 0; i < list->n; i++)
		if (list->v[i] == v)
			return true;
	return false;
}

void u32_list_free(struct u32_list *list)
{
	free(list->v);
	*list = (struct u32_list){};
}

int parse_u32_list(const char *s, struct u32_list *list, char **ret_bad)
{
	for (;;) {
		size_t len = strcspn(s, ",");
		_cleanup_free_ char *item = strndup(s, len);
		__u64 v;
		int r;

		if (!item)
			return -ENOMEM;
		r = parse_u64(item, &v);
		if (!r && (!v || v > UINT_MAX))
			r = -ERANGE;
		if (!r)
			r = u32_list_add(list, v);
		if (r) {
			*ret_bad = TAKE_PTR(item);
			return r;
		}
		if (!s[len])
			return 0;
		s += len + 1;
	}
}

/* Two digits at a time. */
static const char pairs[] = "00010203040506070809"
			    "10111213141516171819"
			    "20212223242526272829"
			    "30313233343536373839"
			    "40414243444546474849"
			    "50515253545556575859"
			    "60616263646566676869"
			    "70717273747576777879"
			    "80818283848586878889"
			    "90919293949596979899";

char *append_decimal(char *p, __u64 v)
{
	static const __u64 powers[DECIMAL_MAX] = {
		0,	    10,		  100,		1000,	      10000,	    100000,	    1000000,
		10000000,   100000000,	  1000000000,	1e10,	      1e11,	    1e12,	    1e13,
		1e14,	    1e15,	  1e16,		1e17,	      1e18,	    10000000000000000000ULL,
	};
	/* log10(2) is 1233/4096, nearly: as many digits as the bits make, or one more */
	unsigned int n = (64 - __builtin_clzll(v | 1)) * 1233 >> 12;
	char *end;

	n += v >= powers[n];
	end = p + n;
	for (p = end; n >= 2; n -= 2, v /= 100)
		memcpy(p -= 2, pairs + v % 100 * 2, 2);
	if (n)
		*--p = '0' + v;
	return end;
}

/* Every event has a size: snprintf() would cost more than the rest of its line. */
char *append_bytes(char *p, __u64 bytes)
{
	static const char suffixes[] = "BKMGTPE";
	unsigned int i = bytes ? (63 - __builtin_clzll(bytes)) / 10 : 0;
	__u64 tenths;

	if (!(bytes & ((1ULL << 10 * i) - 1))) { /* as nearly all are: nothing to round */
		p = append_decimal(p, bytes >> 10 * i);
		*p = suffixes[i];
		return p + !!i;
	}
	/* Rounded half up; 1023.95K is 1M, not 1024K. */
	tenths = (__u64)(((unsigned __int128)bytes * 10 + (1ULL << 10 * i) / 2) >> 10 * i);
	if (tenths >= 10240 && i < sizeof(suffixes) - 2) {
		tenths = 10;
		i++;
	}
	p = append_decimal(p, tenths / 10);
	if (tenths % 10) {
		*p++ = '.';
		*p++ = '0' + tenths % 10;
	}
	*p++ = suffixes[i];
	return p;
}

char *append_pages(char *p, __s64 pages)
{
	__u64 n = pages < 0 ? -(__u64)pages : (__u64)pages;

	*p = '-';
	return append_bytes(p + (pages < 0), n > ~0ULL / 4096 ? ~0ULL : n * 4096);
}

const char *format_bytes(__u64 bytes, char buf[FORMAT_MAX])
{
	*append_bytes(buf, bytes) = '\0';
	return buf;
}

const char *format_pages(__s64 pages, char buf[FORMAT_MAX])
{
	*append_pages(buf, pages) = '\0';
	return buf;
}

const char *format_duration(__u64 ns, char buf[FORMAT_MAX])
{
	__u64 s = ns / NSEC_PER_SEC;

	if (ns < 1000)
		snprintf(buf, FORMAT_MAX, "%lluns", ns);
	else if (ns < NSEC_PER_MSEC)
		snprintf(buf, FORMAT_MAX, "%llu.%lluus", ns / 1000, ns % 1000 / 100);
	else if (ns < NSEC_PER_SEC)
		snprintf(buf, FORMAT_MAX, "%llu.%llums", ns / NSEC_PER_MSEC, ns % NSEC_PER_MSEC / 100000);
	else if (s < 60)
		snprintf(buf, FORMAT_MAX, "%llu.%02llus", s, ns % NSEC_PER_SEC / 10000000);
	else if (s < 3600)
		snprintf(buf, FORMAT_MAX, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, FORMAT_MAX, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, FORMAT_MAX, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return buf;
}

const char *format_rfc3339(__u64 realtime_ns, char *buf, size_t size)
{
	time_t s = realtime_ns / NSEC_PER_SEC;
	struct tm tm;
	size_t n;

	if (!gmtime_r(&s, &tm))
		tm = (struct tm){ .tm_mday = 1 };
	n = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, size - n, ".%09lluZ", realtime_ns % NSEC_PER_SEC);
	return buf;
}

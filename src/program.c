// SPDX-License-Identifier: GPL-2.0-only
/*
 * program.c - who a process is (program.h).
 *
 * Owns: the shapes of control group names that machined, libvirt, the kubelet
 * and container engines make. Only names are looked at; nobody is asked over
 * any socket, and nothing is read that waits for the mmap_lock of the process,
 * as its arguments do: a stuck process may hold that for good. All strings are hostile: they are cut to their field, and
 * escaped where they are printed.
 */
#include "program.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

#define PUT(field, s, len) put(field, sizeof(field), s, len)

/* Cut to size; no end if it fills the field. */
static void put(char *field, size_t size, const char *s, size_t len)
{
	memset(field, 0, size);
	memcpy(field, s, len < size ? len : size);
}

static ssize_t read_proc(__u32 tgid, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	size_t have = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/%s", tgid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (have < size - 1 && (n = read(fd, buf + have, size - 1 - have)) > 0)
		have += n;
	buf[have] = '\0';
	return have;
}

/* ---- control groups ----------------------------------------------------------- */

void program_cgroup(const char *text, struct ev_program *e)
{
	const char *best = NULL;
	size_t best_len = 0;
	int best_rank = -1;

	for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		const char *first = strchr(line, ':'), *path = first ? strchr(first + 1, ':') : NULL;
		size_t len;
		int rank;

		if (!path)
			continue;
		path++;
		len = strcspn(path, "\n");
		rank = !strncmp(first, "::", 2) ? 2 : !strncmp(first, ":name=systemd:", 14) ? 1 : 0;
		/* a unified hierarchy that nobody uses has everybody in its root */
		if (rank == 2 && len <= 1)
			rank = 0;
		if (rank > best_rank || (rank == best_rank && len > best_len)) {
			best = path;
			best_len = len;
			best_rank = rank;
		}
	}
	if (best)
		PUT(e->cgroup, best, best_len);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* systemd's escapes: \x2d is a minus. Returns the length. */
static size_t unescape(const char *s, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < size; i++) {
		if (i + 3 < len && s[i] == '\\' && s[i + 1] == 'x' && hex_digit(s[i + 2]) >= 0 && hex_digit(s[i + 3]) >= 0) {
			out[n++] = hex_digit(s[i + 2]) << 4 | hex_digit(s[i + 3]);
			i += 3;
		} else {
			out[n++] = s[i];
		}
	}
	return n;
}

static bool is_machine(const char *part, size_t len)
{
	return len >= 14 && !strncmp(part, "machine-", 8) && !strncmp(part + len - 6, ".scope", 6);
}

/* machine-qemu\x2d1\x2ddb01.scope: driver, number and name of libvirt; other managers write the name alone. */
static void machine_name(const char *part, size_t len, struct ev_program *e)
{
	char name[256];
	size_t n, skip = 0;

	if (!is_machine(part, len))
		return;
	n = unescape(part + 8, len - 14, name, sizeof(name));
	if (n > 5 && (!strncmp(name, "qemu-", 5) || !strncmp(name, "ch-", 3))) {
		size_t at = name[0] == 'q' ? 5 : 3, digits = at;

		while (digits < n && name[digits] >= '0' && name[digits] <= '9')
			digits++;
		if (digits > at && digits + 1 < n && name[digits] == '-')
			skip = digits + 1;
	}
	PUT(e->vm, name + skip, n - skip);
}

static bool is_id(const char *s, size_t len)
{
	if (len != 64)
		return false;
	for (size_t i = 0; i < len; i++)
		if (hex_digit(s[i]) < 0)
			return false;
	return true;
}

/* pod8c3f….slice, kubepods-burstable-pod8c3f_….slice: systemd writes _ for - in a uid */
static void pod_uid(const char *part, size_t len, struct ev_program *e)
{
	static const char slice[] = ".slice";
	char uid[64];
	size_t n = 0;

	if (len > sizeof(slice) - 1 && !strncmp(part + len - (sizeof(slice) - 1), slice, sizeof(slice) - 1))
		len -= sizeof(slice) - 1;
	for (size_t i = 0; i + 3 < len; i++) {
		if (strncmp(part + i, "pod", 3) || (i && part[i - 1] != '-'))
			continue;
		for (size_t k = i + 3; k < len && n < sizeof(uid); k++)
			uid[n++] = part[k] == '_' ? '-' : part[k];
		if (n == 36 || n == 32)
			PUT(e->pod, uid, n);
		return;
	}
}

/* docker-<id>.scope, cri-containerd-<id>.scope, libpod-<id>.scope, or the id alone */
static void box_id(const char *part, size_t len, struct ev_program *e)
{
	const char *id = part, *dash;
	size_t n = len;

	if (n > 6 && !strncmp(part + n - 6, ".scope", 6))
		n -= 6;
	while ((dash = memchr(id, '-', n - (id - part))) != NULL)
		id = dash + 1;
	if (is_id(id, n - (id - part)))
		PUT(e->box, id, 64);
}

/* The next part of a path, from at on, with its length; NULL: no more. */
static const char *next_part(const char *path, size_t size, size_t *at, size_t *ret_len)
{
	const char *part = path + *at, *slash;

	if (*at >= size)
		return NULL;
	slash = memchr(part, '/', size - *at);
	*ret_len = slash ? (size_t)(slash - part) : size - *at;
	*at += *ret_len + 1;
	return part;
}

void program_names(struct ev_program *e)
{
	size_t size = strnlen(e->cgroup, sizeof(e->cgroup)), at = 0, len;
	const char *part;

	while ((part = next_part(e->cgroup, size, &at, &len))) {
		machine_name(part, len, e);
		if (!strncmp(e->cgroup, "/kubepods", 9) && len > 3)
			pod_uid(part, len, e);
		if (len >= 64)
			box_id(part, len, e);
	}
}

/* The last one gives the name, too. */
size_t program_machine_group(const struct ev_program *e)
{
	size_t size = strnlen(e->cgroup, sizeof(e->cgroup)), at = 0, found = 0, len;
	const char *part;

	while ((part = next_part(e->cgroup, size, &at, &len)))
		if (is_machine(part, len))
			found = part + len - e->cgroup;
	return found;
}

/* ---- all of it --------------------------------------------------------------------- */

void program_read(__u32 tgid, struct ev_program *e)
{
	char buf[16384], path[64], exe[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/exe", tgid);
	n = readlink(path, exe, sizeof(exe));
	if (n > 0)
		PUT(e->exe, exe, (size_t)n);
	e->known = n > 0;
	if (read_proc(tgid, "cgroup", buf, sizeof(buf)) > 0) {
		program_cgroup(buf, e);
		program_names(e);
	}
}

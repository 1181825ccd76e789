/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * policy.h - what the guard is to refuse: the rules, and fdpin-trace.conf.
 *
 * A configuration is INI: a section for a rule, keys in it. It is taken whole
 * or not at all: an unknown word, a word twice, a byte that is no text rejects
 * all of it, with file and line. Which files there are, and which of them
 * counts, is libeconf's business (policy_files.c).
 */
#ifndef FDPIN_POLICY_H
#define FDPIN_POLICY_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../bpf/events.h"
#include "../bpf/guard.h"

#define POLICY_MAX_WINDOW_NS 5000000000ULL /* limit of max-window, where no file says one */

/*
 * RULE(id, errno (0: it returns none), may the errno be chosen, action where no file says, hook, applies to, what is refused)
 *
 * The name is that of the enum's value in src/schema.c.
 */
#define RULES(RULE)                                                                                                \
	RULE(MDEV_VADDR, EBUSY, false, ACTION_MONITOR, "file_ioctl", "containers with mdev",                       \
	     "an invalid address beside a mediated device, in either order")                                       \
	RULE(STRICT, EPERM, true, ACTION_OFF, "file_ioctl", "mdevs", "a mediated device in a type1 container")             \
	RULE(EXEC_PINNED, EPERM, true, ACTION_OFF, "bprm_check_security", "exec with open window",                         \
	     "an exec by a process that keeps a container with an invalid address")                                        \
	RULE(FILE_BACKED, EPERM, true, ACTION_OFF, "file_ioctl", "memory without file",                                    \
	     "to invalidate the address of memory that no file is behind")                                                 \
	RULE(MAX_WINDOW, 0, false, ACTION_OFF, "(timer)", "windows",                                                       \
	     "a container in which an address is invalid for too long")                                                    \
	RULE(PROTECT, EPERM, true, ACTION_OFF, "bpf, ptrace, unlink", "the guard itself",                                                  \
	     "to get at the guard's own maps, programs, links, process or pins")

struct rule_info {
	int error;
	bool error_choice;
	enum fdpin_action action;
	const char *hook, *applies_to, *what;
};

extern const struct rule_info rule_table[RULE__max];
const char *rule_name(enum fdpin_rule rule);
/* "off", "monitor", "deny" */
const char *action_word(enum fdpin_action action);

#define POLICY_WINDOW_MOST_NS (24 * 3600 * 1000000000ULL)
#define POLICY_FILES_MAX 64
#define POLICY_BYTES_MAX 65536 /* of one file */

enum policy_layer { LAYER_VENDOR, LAYER_LOCAL };

struct policy_file {
	char *path;
	enum policy_layer layer;
};

struct policy_rule {
	enum fdpin_action action;
	int error;
	int file; /* of policy.files, that says the action; -1: none does */
	unsigned int line;
	struct guard_scope scope; /* whom it is for */
};

/* What a rule does: with monitor none denies. */
static inline enum fdpin_action action_taken(const struct policy_rule *r, bool monitor)
{
	return monitor && r->action == ACTION_DENY ? ACTION_MONITOR : r->action;
}

struct policy {
	struct policy_rule rules[RULE__max];
	/* mdev-vaddr, where the kernel does not refuse by itself */
	bool sticky; /* once invalid, never again an mdev */
	enum guard_contain contain; /* what is done about who gets past it while it denies */
	__u64 max_window_ns;
	struct policy_file files[POLICY_FILES_MAX];
	int n_files;
};

/* Why a configuration was rejected; hostile text, not escaped. line 0: the file as a whole. */
struct policy_problem {
	char file[256];
	unsigned int line;
	char text[200];
};

/* What holds where no file says anything. */
void policy_init(struct policy *p);
void policy_free(struct policy *p);

/*
 * Add what a file says, which is data. 0, or -EINVAL and *ret_problem, or
 * -ENOMEM; on failure no rule has changed.
 */
int policy_parse(struct policy *p, const char *path, enum policy_layer layer, const char *data, size_t size,
		 struct policy_problem *ret_problem);

/*
 * All files, those below root: of the package in /usr/lib/fdpin-trace (or the prefix it was
 * installed with), of the host in /etc/fdpin-trace, and drop-ins of both. 0 or as above.
 */
int policy_load(struct policy *ret, const char *root, struct policy_problem *ret_problem);

#define POLICY_ABOUT_MAX 1024
/*
 * Files of the same form that are no configuration: sections of rules, and fn for each key in them. What it
 * returns ends it; problem() of policy_problem makes that -EINVAL.
 */
typedef int (*policy_key_fn)(void *ctx, enum fdpin_rule rule, const char *key, const char *value, unsigned int line,
			     struct policy_problem *problem);
int policy_read_keys(const char *path, const char *data, size_t size, policy_key_fn fn, void *ctx, struct policy_problem *ret_problem);
/* NULL, or what is wrong with it: only root, or who runs this, may have a say, by owner, group and bits. type: S_IFREG, S_IFDIR. Static, or strerror()'s. */
const char *policy_not_ours(int fd, mode_t type);
int policy_problem(struct policy_problem *p, unsigned int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* What it is about, or whom it is for, in a few words. Returns buf. */
const char *policy_applies_to(const struct policy *p, enum fdpin_rule rule, char *buf, size_t size);

/* ---- policy_scope.c: whom a rule is for ------------------------------------------------ */

/* cgroup =, uid =, exe = of a rule; an empty value takes the key back. 0, or -EINVAL and what is wrong with it. */
int scope_set_cgroup(struct guard_scope *s, const char *value, const char **ret_why);
int scope_set_uid(struct guard_scope *s, const char *value, const char **ret_why);
int scope_set_exe(struct guard_scope *s, const char *value, const char **ret_why);

/* One of these keys of a section. 0, -EINVAL with *p; 1: it is none of them. */
int policy_set_scope(struct guard_scope *s, const char *key, const char *value, unsigned int line, struct policy_problem *p);

/* "machine-*.scope, uid 64055, 1000-1999, /usr/bin/qemu-*": all that it says; "" if it is for everybody. Return buf. */
const char *scope_text(const struct guard_scope *s, char *buf, size_t size);
/* One key of it, as a configuration has it. */
const char *scope_key_text(const struct guard_scope *s, enum scope_key key, char *buf, size_t size);

/* "vendor:9", "50-site:3", "built-in"; file names are hostile. Returns buf. */
const char *policy_set_by(const struct policy *p, const struct policy_rule *r, char *buf, size_t size);

#endif

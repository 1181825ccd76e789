// SPDX-License-Identifier: GPL-2.0-only
/*
 * policy.c - from the text of a configuration to rules (policy.h).
 *
 * libeconf parses, and is lenient: it ends a value at a zero byte, joins a line
 * that begins with a blank to the one before, keeps the first of two keys of
 * one name, and does not tell of a section without keys; its list of the keys of
 * a section (0.5) lacks some. So every file is scanned for its keys and for what
 * libeconf would pass over; it is given exactly what was scanned, and asked for
 * the value of each.
 */
#include "policy.h"

#include <ctype.h>
#include <errno.h>
#include <libeconf.h>
#include <libeconf_ext.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "schema.h"
#include "util.h"

const struct rule_info rule_table[RULE__max] = {
#define RULE(id, error_, choice, action_, hook_, applies, what_) \
	[RULE_##id] = { error_, choice, action_, hook_, applies, what_ },
	RULES(RULE)
#undef RULE
};

static const struct {
	const char *word;
	int value;
} actions[] = { { "off", ACTION_OFF }, { "monitor", ACTION_MONITOR }, { "deny", ACTION_DENY } },
  contains[] = { { "none", CONTAIN_NONE }, { "kill", CONTAIN_KILL }, { "quarantine", CONTAIN_QUARANTINE } },
  errors[] = { { "EPERM", EPERM }, { "EACCES", EACCES }, { "EBUSY", EBUSY }, { "ENOENT", ENOENT } };

const char *rule_name(enum fdpin_rule rule)
{
	return kind_value_name(KIND_RULE, rule);
}

const char *action_word(enum fdpin_action action)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (actions[i].value == (int)action)
			return actions[i].word;
	return "?";
}

void policy_init(struct policy *p)
{
	*p = (struct policy){ .sticky = true, .contain = CONTAIN_QUARANTINE, .max_window_ns = POLICY_MAX_WINDOW_NS };
	for (int i = 0; i < RULE__max; i++)
		p->rules[i] = (struct policy_rule){ .action = rule_table[i].action, .error = rule_table[i].error, .file = -1 };
}

void policy_free(struct policy *p)
{
	for (int i = 0; i < p->n_files; i++)
		free(p->files[i].path);
	p->n_files = 0;
}

const char *policy_applies_to(const struct policy *p, enum fdpin_rule rule, char *buf, size_t size)
{
	const struct guard_scope *scope = &p->rules[rule].scope;
	__u64 ns = p->max_window_ns;
	char who[POLICY_ABOUT_MAX];

	scope_text(scope, who, sizeof(who));
	if (rule != RULE_MAX_WINDOW)
		snprintf(buf, size, "%s", scope->keys ? who : rule_table[rule].applies_to);
	else if (ns % NSEC_PER_SEC)
		snprintf(buf, size, "windows over %llu ms%s%s", ns / NSEC_PER_MSEC, scope->keys ? ", " : "", who);
	else
		snprintf(buf, size, "windows over %llu s%s%s", ns / NSEC_PER_SEC, scope->keys ? ", " : "", who);
	return buf;
}

const char *policy_set_by(const struct policy *p, const struct policy_rule *r, char *buf, size_t size)
{
	const struct policy_file *f;
	const char *base;
	int len;

	if (r->file < 0) {
		snprintf(buf, size, "built-in");
		return buf;
	}
	f = &p->files[r->file];
	base = strrchr(f->path, '/');
	base = base ? base + 1 : f->path;
	len = strlen(base);
	if (len > 5 && !strcmp(base + len - 5, ".conf"))
		len -= 5;
	if (len == 11 && !strncmp(base, "fdpin-trace", 11))
		snprintf(buf, size, "%s:%u", f->layer == LAYER_VENDOR ? "vendor" : "local", r->line);
	else
		snprintf(buf, size, "%.*s:%u", len, base, r->line);
	return buf;
}

/* ---- what libeconf would pass over ------------------------------------------------------ */

#define KEY_MAX 32
#define SEEN_MAX 64

struct scan {
	struct policy_problem *problem;
	unsigned int line;
	char section[KEY_MAX + 1];
	struct seen {
		char section[KEY_MAX + 1], key[KEY_MAX + 1]; /* key "": the section itself */
		unsigned int line;
	} seen[SEEN_MAX];
	unsigned int n_seen;
};

int policy_problem(struct policy_problem *p, unsigned int line, const char *fmt, ...)
{
	va_list ap;

	p->line = line;
	va_start(ap, fmt);
	vsnprintf(p->text, sizeof(p->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int find_rule(const char *name, size_t len)
{
	for (int i = 0; i < RULE__max; i++)
		if (strlen(rule_name(i)) == len && !strncmp(rule_name(i), name, len))
			return i;
	return -1;
}

static int note_seen(struct scan *s, const char *key, int len)
{
	struct seen *new = &s->seen[s->n_seen];

	if (s->n_seen == SEEN_MAX)
		return policy_problem(s->problem, s->line, "too many lines");
	memcpy(new->section, s->section, sizeof(new->section));
	snprintf(new->key, sizeof(new->key), "%.*s", len, key);
	new->line = s->line;
	for (const struct seen *old = s->seen; old < new; old++) {
		if (strcmp(old->section, new->section) || strcmp(old->key, new->key))
			continue;
		return len ? policy_problem(s->problem, s->line, "%s is there twice", new->key) :
			     policy_problem(s->problem, s->line, "section [%s] is there twice", new->section);
	}
	s->n_seen++;
	return 0;
}

static int scan_section(struct scan *s, const char *line, size_t len)
{
	const char *end = memchr(line, ']', len);

	if (!end)
		return policy_problem(s->problem, s->line, "a section has no closing bracket");
	if (strspn(end + 1, " \t") + (end + 1 - line) < len && end[1 + strspn(end + 1, " \t")] != '#')
		return policy_problem(s->problem, s->line, "text behind a section");
	if (find_rule(line + 1, end - line - 1) < 0)
		return policy_problem(s->problem, s->line, "unknown section [%.*s]", (int)(end - line - 1), line + 1);
	snprintf(s->section, sizeof(s->section), "%.*s", (int)(end - line - 1), line + 1);
	return note_seen(s, "", 0);
}

/* One line, without its end; it has no zero byte in it, and one behind it. */
static int scan_line(struct scan *s, const char *line, size_t len)
{
	size_t blank = strspn(line, " \t"), key = strcspn(line, " \t=");

	if (blank >= len || line[0] == '#')
		return 0;
	if (blank)
		return policy_problem(s->problem, s->line, "a line begins with a blank");
	if (line[0] == '[')
		return scan_section(s, line, len);
	if (!memchr(line, '=', len))
		return policy_problem(s->problem, s->line, "neither [section] nor key = value");
	if (!s->section[0])
		return policy_problem(s->problem, s->line, "a key before the first section");
	if (!key)
		return policy_problem(s->problem, s->line, "no key before =");
	if (key > KEY_MAX)
		return policy_problem(s->problem, s->line, "unknown key %.32s...", line);
	if (line[key + strspn(line + key, " \t")] != '=')
		return policy_problem(s->problem, s->line, "unknown key %.*s", (int)strcspn(line, "="), line);
	return note_seen(s, line, key);
}

/* text is data with a zero byte behind it; the ends of its lines are made into such, and put back. */
static int scan(struct scan *s, char *text, size_t size)
{
	int r = 0;

	for (char *line = text; !r && line < text + size;) {
		char *end = memchr(line, '\n', text + size - line) ?: text + size, was = *end;

		s->line++;
		for (char *c = line; c < end; c++)
			if ((!isprint((unsigned char)*c) || *c & 0x80) && *c != '\t')
				return policy_problem(s->problem, s->line, "byte 0x%02x: a configuration is ASCII text", (unsigned char)*c);
		*end = '\0';
		r = scan_line(s, line, end - line);
		*end = was;
		line = end + 1;
	}
	return r;
}

/* ---- what libeconf makes of it ------------------------------------------------------------- */

static int set_flag(bool *flag, const char *key, const char *value, unsigned int line, struct policy_problem *p)
{
	if (strcmp(value, "yes") && strcmp(value, "no"))
		return policy_problem(p, line, "%s = %.80s: yes or no", key, value);
	*flag = !strcmp(value, "yes");
	return 0;
}

static int set_contain(enum guard_contain *contain, const char *value, unsigned int line, struct policy_problem *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(contains); i++) {
		if (strcmp(contains[i].word, value))
			continue;
		*contain = contains[i].value;
		return 0;
	}
	return policy_problem(p, line, "contain = %.80s: quarantine, kill or none", value);
}

/* Whole milliseconds: it is looked at twice a second. */
static int set_limit(__u64 *limit, const char *value, unsigned int line, struct policy_problem *p)
{
	__u64 ns;

	if (parse_duration(value, &ns))
		return policy_problem(p, line, "limit = %.80s: a number and a unit: ms, s, m or h", value);
	if (!ns || ns % NSEC_PER_MSEC || ns > POLICY_WINDOW_MOST_NS)
		return policy_problem(p, line, "limit = %.80s: from 1ms to 24h, in whole milliseconds", value);
	*limit = ns;
	return 0;
}

static const struct {
	const char *key;
	int (*set)(struct guard_scope *s, const char *value, const char **ret_why);
} scope_keys[] = { { "cgroup", scope_set_cgroup }, { "uid", scope_set_uid }, { "exe", scope_set_exe } };

int policy_set_scope(struct guard_scope *s, const char *key, const char *value, unsigned int line, struct policy_problem *p)
{
	const char *why = "";

	for (size_t i = 0; i < ARRAY_SIZE(scope_keys); i++) {
		if (strcmp(scope_keys[i].key, key))
			continue;
		if (scope_keys[i].set(s, value, &why))
			return policy_problem(p, line, "%s = %.80s: %s", key, value, why);
		return 0;
	}
	return 1;
}

/* policy_key_fn, to a policy whose next file this is. */
static int set_key(void *ctx, enum fdpin_rule id, const char *key, const char *value, unsigned int line,
		   struct policy_problem *p)
{
	struct policy *to = ctx;
	struct policy_rule *rule = &to->rules[id];
	int r = policy_set_scope(&rule->scope, key, value, line, p);

	if (r <= 0)
		return r;
	if (!strcmp(key, "action")) {
		for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
			if (strcmp(actions[i].word, value))
				continue;
			rule->action = actions[i].value;
			rule->file = to->n_files;
			rule->line = line;
			return 0;
		}
		return policy_problem(p, line, "action = %.80s: off, monitor or deny", value);
	}
	if (!strcmp(key, "sticky") && id == RULE_MDEV_VADDR)
		return set_flag(&to->sticky, key, value, line, p);
	if (!strcmp(key, "contain") && id == RULE_MDEV_VADDR)
		return set_contain(&to->contain, value, line, p);
	if (!strcmp(key, "limit") && id == RULE_MAX_WINDOW)
		return set_limit(&to->max_window_ns, value, line, p);
	if (!strcmp(key, "errno") && !rule_table[id].error)
		return policy_problem(p, line, "[%s] is about no call: it returns no errno", rule_name(id));
	if (!strcmp(key, "errno") && !rule_table[id].error_choice)
		return policy_problem(p, line, "errno of [%s] is not to be chosen: what a fixed kernel gives", rule_name(id));
	if (!strcmp(key, "errno")) {
		for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
			if (strcmp(errors[i].word, value) || (errors[i].value == ENOENT && id != RULE_PROTECT))
				continue;
			rule->error = errors[i].value;
			return 0;
		}
		return policy_problem(p, line, "errno = %.80s: EPERM, EACCES%s", value, id == RULE_PROTECT ? ", EBUSY or ENOENT" : " or EBUSY");
	}
	return policy_problem(p, line, "unknown key %.80s in [%s]", key, rule_name(id));
}

struct reader {
	policy_key_fn fn;
	void *ctx;
};

static int take_key(const struct reader *to, econf_file *kf, const struct seen *seen, struct policy_problem *p)
{
	int id = find_rule(seen->section, strlen(seen->section));
	_cleanup_free_ char *value = NULL;
	econf_ext_value *ext = NULL;
	econf_err e = econf_getExtValue(kf, seen->section, seen->key, &ext);
	uint64_t line = !e && ext ? ext->line_number : 0;

	if (ext)
		econf_freeExtValue(ext);
	if (!e)
		e = econf_getStringValue(kf, seen->section, seen->key, &value);
	if (e == ECONF_NOMEM)
		return -ENOMEM;
	/* what is not understood the same way twice is not understood */
	if (id < 0 || e || line != seen->line)
		return policy_problem(p, seen->line, "%s cannot be read: %s", seen->key, econf_errString(e));
	return to->fn(to->ctx, id, seen->key, value ?: "", seen->line, p);
}

static int take(const struct reader *to, econf_file *kf, const struct scan *s, struct policy_problem *p)
{
	int r = 0;

	for (const struct seen *seen = s->seen; !r && seen < s->seen + s->n_seen; seen++)
		if (seen->key[0])
			r = take_key(to, kf, seen, p);
	return r;
}

/* libeconf reads files: it gets one that nobody else can change. */
static int parse_text(econf_file **ret, const char *text, size_t size, struct policy_problem *p)
{
	_cleanup_close_ int fd = memfd_create("fdpin-trace.conf", MFD_CLOEXEC);
	_cleanup_free_ char *name = NULL;
	uint64_t line = 0;
	char path[32];
	econf_err e;

	if (fd < 0 || write(fd, text, size) != (ssize_t)size)
		return -ENOMEM;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	e = econf_readFile(ret, path, "=", "#");
	if (!e)
		return 0;
	if (e == ECONF_NOMEM)
		return -ENOMEM;
	econf_errLocation(&name, &line);
	return policy_problem(p, line, "%s", econf_errString(e));
}

int policy_read_keys(const char *path, const char *data, size_t size, policy_key_fn fn, void *ctx, struct policy_problem *ret_problem)
{
	const struct reader reader = { fn, ctx };
	struct scan *s = calloc(1, sizeof(*s));
	_cleanup_free_ char *text = malloc(size + 1);
	econf_file *kf = NULL;
	int r;

	*ret_problem = (struct policy_problem){};
	snprintf(ret_problem->file, sizeof(ret_problem->file), "%s", path);
	if (!text || !s) {
		r = -ENOMEM;
	} else if (size > POLICY_BYTES_MAX) {
		r = policy_problem(ret_problem, 0, "larger than %d KiB", POLICY_BYTES_MAX / 1024);
	} else {
		memcpy(text, data, size);
		text[size] = '\0';
		s->problem = ret_problem;
		r = scan(s, text, size);
	}
	if (!r && s->n_seen)
		r = parse_text(&kf, text, size, ret_problem);
	if (!r && kf)
		r = take(&reader, kf, s, ret_problem);
	if (kf)
		econf_free(kf);
	free(s);
	return r;
}

int policy_parse(struct policy *p, const char *path, enum policy_layer layer, const char *data, size_t size,
		 struct policy_problem *ret_problem)
{
	struct policy next = *p;
	_cleanup_free_ char *name = strdup(path);
	int r;

	*ret_problem = (struct policy_problem){};
	snprintf(ret_problem->file, sizeof(ret_problem->file), "%s", path);
	if (!name)
		return -ENOMEM;
	if (p->n_files == POLICY_FILES_MAX)
		return policy_problem(ret_problem, 0, "more than %d files", POLICY_FILES_MAX);
	r = policy_read_keys(path, data, size, set_key, &next, ret_problem);
	if (r)
		return r;
	next.files[next.n_files++] = (struct policy_file){ TAKE_PTR(name), layer };
	*p = next;
	return 0;
}

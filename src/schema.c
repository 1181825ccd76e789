// SPDX-License-Identifier: GPL-2.0-only
/*
 * schema.c - bpf/events.h as a table, and the only decoder of records.
 *
 * Owns: event_<name>() for every event (its constant row), the names of enum
 * values, the schema in words, record_decode() and the two readers of fields.
 *
 * A row needs offsets within struct ev_<name>, and F(), S(), LINK() … do not
 * know which event they stand in. So each row is the body of a function in
 * which EV names the struct: struct any_<name>, the same layout with one more
 * member, _ANY, at the end. An effect's member whose offset is the end of the
 * record is therefore "anything".
 */
#include "schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

#define F(ctype, name, kind, meaning) ctype name;
#define S(name, bytes, meaning) char name[bytes];
#define EVENT(name, text, fields, effects) \
	struct any_##name {                \
		struct fdpin_hdr h;        \
		fields                     \
		char _ANY;                 \
	};
#include "../bpf/events.h"
#undef EVENT
#undef F
#undef S

#define FIELD(n, m, k, k_name, sign)                                                                    \
	{                                                                                               \
		.name = #n, .meaning = (m), .kind_name = (k_name), .kind = (k), .offset = offsetof(EV, n), \
		.size = sizeof(((EV *)0)->n), .is_signed = (sign)                                       \
	},
#define F(ctype, name, kind, meaning) FIELD(name, meaning, KIND_##kind, #kind, (ctype)-1 < (ctype)1)
#define S(name, bytes, meaning) FIELD(name, meaning, KIND_STR, "STR", false)

#define MEMBER(m)                                                                       \
	{                                                                               \
		.offset = offsetof(EV, m), .size = sizeof(((EV *)0)->m),                \
		.any = offsetof(EV, m) == offsetof(EV, _ANY)                            \
	}
#define LINK(r, f, t) { .word = WORD_LINK, .rel = REL_##r, .from = MEMBER(f), .to = MEMBER(t) },
#define UNLINK(r, f, t) { .word = WORD_UNLINK, .rel = REL_##r, .from = MEMBER(f), .to = MEMBER(t) },
#define CHARGE(account, pages) { .word = WORD_CHARGE, .from = MEMBER(account), .to = MEMBER(pages) },
#define NOTE(o, m) { .word = WORD_NOTE, .obj = OBJ_##o, .from = MEMBER(m) },

#define EVENT(ev_name, ev_text, ev_fields, ev_effects)                                        \
	static const struct event *event_##ev_name(void)                                      \
	{                                                                                     \
		typedef struct any_##ev_name EV;                                              \
		static const struct field fields[] = { ev_fields };                           \
		static const struct event ev = {                                              \
			.type = EV_##ev_name,                                                 \
			.name = #ev_name,                                                     \
			.text = (ev_text),                                                    \
			.size = sizeof(struct ev_##ev_name),                                  \
			.fields = fields,                                                     \
			.n_fields = N_ELEMENTS(fields),                                       \
			.effects = { ev_effects },                                            \
			.n_effects = N_ELEMENTS(((const struct effect[]){ ev_effects })),     \
		};                                                                            \
		_Static_assert(offsetof(EV, _ANY) == sizeof(struct ev_##ev_name), "layout");  \
		_Static_assert(N_ELEMENTS(((const struct effect[]){ ev_effects })) <= EFFECTS_MAX, "effects"); \
		return &ev;                                                                   \
	}
#include "../bpf/events.h"
#undef EVENT

static const struct event *(*const rows[EV__max])(void) = {
#define EVENT(name, text, fields, effects) [EV_##name] = event_##name,
#include "../bpf/events.h"
#undef EVENT
};

const struct event *schema_event(unsigned int type)
{
	return type < EV__max && rows[type] ? rows[type]() : NULL;
}

const struct event *schema_event_by_name(const char *name)
{
	for (unsigned int i = 0; i < EV__max; i++) {
		const struct event *ev = schema_event(i);

		if (ev && !strcmp(ev->name, name))
			return ev;
	}
	return NULL;
}

const struct field *event_field(const struct event *ev, const char *name)
{
	for (unsigned int i = 0; i < ev->n_fields; i++)
		if (!strcmp(ev->fields[i].name, name))
			return &ev->fields[i];
	return NULL;
}

const char *relation_words(enum relation rel)
{
	static const char *const words[REL__max] = {
#define R(name, from, to, text) [REL_##name] = text,
		RELATIONS(R)
#undef R
	};

	return (unsigned int)rel < REL__max ? words[rel] : NULL;
}

/* ---- in words -------------------------------------------------------------- */

const struct event *schema_header(void)
{
	typedef struct fdpin_hdr EV;
	static const struct field fields[] = {
		F(__u32, size, COUNT, "")
		F(__u16, type, COUNT, "")
		F(__u8, grade, COUNT, "")
		F(__u8, look, COUNT, "")
		F(__u64, ts_ns, NS, "")
		F(__u64, container, ID, "")
		F(__u32, tgid, TID, "")
		F(__u32, tid, TID, "")
		S(comm, FDPIN_COMM_LEN, "")
	};
	static const struct event ev = {
		.type = EV_none,
		.name = "header",
		.text = "",
		.size = sizeof(struct fdpin_hdr),
		.fields = fields,
		.n_fields = N_ELEMENTS(fields),
	};

	return &ev;
}

__attribute__((format(printf, 3, 4))) static void add(char *text, size_t *len, const char *format, ...)
{
	size_t room = SCHEMA_TEXT_MAX - *len;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text + *len, room, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		abort(); /* bpf/events.h has grown beyond what a reader takes */
	*len += n;
}

static void add_event(char *text, size_t *len, const struct event *ev)
{
	add(text, len, "event %s %u %u\n", ev->name, ev->type, ev->size);
	for (unsigned int i = 0; i < ev->n_fields; i++) {
		const struct field *f = &ev->fields[i];

		add(text, len, "field %s %s %u %u %s\n", f->name, f->kind_name, f->offset, f->size,
		    f->is_signed ? "signed" : "unsigned");
	}
}

const char *schema_text(size_t *ret_len)
{
	static char text[SCHEMA_TEXT_MAX];
	static size_t len;

	if (!len) {
		add_event(text, &len, schema_header());
		for (unsigned int i = 0; i < EV__max; i++)
			if (schema_event(i))
				add_event(text, &len, schema_event(i));
		while (len % 8)
			add(text, &len, "\n");
	}
	*ret_len = len;
	return text;
}

/* FNV-1a */
__u32 schema_hash(const void *data, size_t len)
{
	const unsigned char *p = data;
	__u32 hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 16777619u;
	return hash;
}

__u32 schema_fingerprint(void)
{
	size_t len;
	const char *text = schema_text(&len);

	return schema_hash(text, len);
}

/* ---- records ------------------------------------------------------------- */

int record_decode(const void *data, size_t len, struct record *ret)
{
	const struct fdpin_hdr *h = data;
	const struct event *ev;

	if (len < sizeof(*h) || (uintptr_t)data % 8)
		return -EINVAL;
	if (h->size < sizeof(*h) || h->size > len)
		return -EINVAL;
	ev = schema_event(h->type);
	if (!ev)
		return -ENOENT;
	if (h->size != ev->size)
		return -EMSGSIZE;
	ret->h = h;
	ret->ev = ev;
	return (int)ev->size;
}

__u64 record_u64(const struct record *r, const struct field *f)
{
	const char *p = (const char *)r->h + f->offset;
	__u16 v16;
	__u32 v32;
	__u64 v64;

	switch (f->size) {
	case 1:
		return f->is_signed ? (__u64)(signed char)*p : (unsigned char)*p;
	case 2:
		memcpy(&v16, p, sizeof(v16));
		return f->is_signed ? (__u64)(__s16)v16 : v16;
	case 4:
		memcpy(&v32, p, sizeof(v32));
		return f->is_signed ? (__u64)(__s32)v32 : v32;
	case 8:
		memcpy(&v64, p, sizeof(v64));
		return v64;
	default:
		return 0;
	}
}

void record_str(const struct record *r, const struct field *f, char *buf, size_t size)
{
	const char *p = (const char *)r->h + f->offset;
	size_t len = strnlen(p, f->size);

	if (!size)
		return;
	if (len > size - 1)
		len = size - 1;
	memcpy(buf, p, len);
	buf[len] = '\0';
}

/* ---- names of values ----------------------------------------------------- */

static const char *const op_names[] = {
	[OP_UNKNOWN] = "unknown", [OP_PIN] = "pin",	[OP_READ] = "read",
	[OP_WRITE] = "write",	  [OP_ATTACH] = "attach", [OP_MAP] = "map",
	[OP_UNMAP] = "unmap",	  [OP_INVALIDATE] = "invalidate", [OP_REVALIDATE] = "revalidate",
	[OP_UNPIN] = "unpin",	  [OP_DETACH] = "detach", [OP_RELEASE] = "release",
	[OP_CLOSE] = "close",	  [OP_CHANGE_PROCESS] = "change-process", [OP_COPY] = "copy",
	[OP_OTHER] = "other",	  [OP_OPEN] = "open",
	[OP_EXEC] = "exec",	  [OP_SET_IOMMU] = "set-iommu",
	[OP_GET_MAP] = "get-map", [OP_GET_PROGRAM] = "get-program", [OP_GET_LINK] = "get-link",
	[OP_TRACE] = "trace",	  [OP_REMOVE_PINS] = "remove-pins", [OP_UNMOUNT_PINS] = "unmount-pins",
	[OP_SWEEP] = "sweep",	  [OP_BIND] = "bind",
};

static const char *const rule_names[] = { [RULE_MDEV_VADDR] = "mdev-vaddr", [RULE_STRICT] = "strict",
					  [RULE_EXEC_PINNED] = "exec-pinned", [RULE_FILE_BACKED] = "file-backed",
					  [RULE_MAX_WINDOW] = "max-window", [RULE_PROTECT] = "protect" };

static const char *const action_names[] = {
	[ACTION_OFF] = "off", [ACTION_MONITOR] = "would-deny", [ACTION_DENY] = "denied", [ACTION_PASSED] = "not-prevented",
	[ACTION_EXEMPT] = "exempt", [ACTION_QUARANTINED] = "quarantined",
	[ACTION_QUARANTINE_BEGINS] = "quarantine-begins", [ACTION_QUARANTINE_ENDS] = "quarantine-ends",
};

static const char *const class_names[] = {
	[CLASS_UNKNOWN] = "unknown", [CLASS_WORKER] = "worker",
	[CLASS_KTHREAD] = "kthread", [CLASS_USER] = "user",
};

static const char *const backed_names[] = {
	[BACKED_IOMMU] = "iommu", [BACKED_EMULATED] = "mdev", [BACKED_NOIOMMU] = "noiommu",
};

static const char *const via_names[] = {
	[VIA_FLUSH] = "flush",
	[VIA_FLUSH_WQ] = "flush-workqueue",
	[VIA_BARRIER] = "barrier",
	[VIA_BARRIER_PENDING] = "barrier-pending",
	[VIA_FLUSHER] = "flusher",
};

static const char *const wait_names[] = {
	[WAIT_UNKNOWN] = "unknown", [WAIT_NONE] = "none",	      [WAIT_VADDR] = "vaddr",
	[WAIT_MUTEX] = "mutex",	    [WAIT_COMPLETION] = "completion", [WAIT_FLUSH] = "flush",
	[WAIT_TIMER] = "timer",	    [WAIT_MMAP_LOCK] = "mmap_lock",
};

static const char *const container_names[] = {
	[CONTAINER_NONE] = "none",	 [CONTAINER_TYPE1] = "type1", [CONTAINER_IOMMUFD] = "iommufd",
	[CONTAINER_NOIOMMU] = "noiommu", [CONTAINER_OTHER] = "other",
};

static const char *const account_names[] = {
	[CHARGED_NONE] = "none", [CHARGED_USER] = "user", [CHARGED_MM] = "mm", [CHARGED_UNKNOWN] = "unknown",
};

static const char *const source_names[] = {
	[SOURCE_USER] = "user", [SOURCE_FILE] = "file", [SOURCE_DMABUF] = "dma-buf",
};

static const char *const backing_names[] = {
	[BACKING_UNKNOWN] = "unknown", [BACKING_ANONYMOUS] = "anonymous", [BACKING_MEMFD] = "memfd",
	[BACKING_SHMEM] = "shmem",     [BACKING_HUGETLB] = "hugetlbfs",	  [BACKING_FILE] = "file",
	[BACKING_DMABUF] = "dma-buf",  [BACKING_GUEST_MEMFD] = "guest_memfd",
	[BACKING_MMIO] = "mmio",
};

/* The letter ps(1) shows; the bits are those of the kernel's task->__state and exit_state. */
static const char *state_letter(__u64 state)
{
	if (state & 0x20)
		return "Z"; /* EXIT_ZOMBIE */
	if (state & 0x10)
		return "X"; /* EXIT_DEAD */
	if ((state & 0x402) == 0x402)
		return "I"; /* uninterruptible and TASK_NOLOAD: an idle kernel thread */
	if (state & 0x2)
		return "D";
	if (state & 0x1)
		return "S";
	if (state & 0x4)
		return "T";
	if (state & 0x8)
		return "t";
	if (state & 0x40)
		return "P"; /* TASK_PARKED */
	return state ? NULL : "R";
}

#define NAME_OF(names, value) ((value) < N_ELEMENTS(names) ? (names)[value] : NULL)

const char *kind_value_name(enum kind kind, __u64 value)
{
	switch (kind) {
	case KIND_OP:
		return NAME_OF(op_names, value);
	case KIND_CLASS:
		return NAME_OF(class_names, value);
	case KIND_BACKED:
		return NAME_OF(backed_names, value);
	case KIND_VIA:
		return NAME_OF(via_names, value);
	case KIND_WAIT:
		return NAME_OF(wait_names, value);
	case KIND_CONTAINER:
		return NAME_OF(container_names, value);
	case KIND_ACCOUNT:
		return NAME_OF(account_names, value);
	case KIND_SOURCE:
		return NAME_OF(source_names, value);
	case KIND_BACKING:
		return NAME_OF(backing_names, value);
	case KIND_RULE:
		return NAME_OF(rule_names, value);
	case KIND_ACTION:
		return NAME_OF(action_names, value);
	case KIND_STATE:
		return state_letter(value);
	default:
		return NULL;
	}
}

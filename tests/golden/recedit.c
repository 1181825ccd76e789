// SPDX-License-Identifier: GPL-2.0-only
/*
 * recedit.c - a recording made worse, for tests of what is concluded from it.
 *
 *	recedit FILE count			print the number of records before the end record
 *	recedit FILE list			print number, type, look of each
 *	recedit FILE drop N OUT			without record N (from 0); the end still counts it
 *	recedit FILE lose N OUT			without record N, and the end record says that one was lost
 *	recedit FILE cut BYTES OUT		the first BYTES bytes
 *	recedit FILE noend OUT			without the end record
 *	recedit FILE lost COUNT OUT		the end record says that so many were lost
 *	recedit FILE gap OUT			with a gap that looks are blind too, before the end
 *	recedit FILE worse			all of these in memory: exits 1 and says which one still leads to a
 *						certain answer (deadlock yes, any verdict no)
 *
 * Link with src/ but main.c, cmd_*.c, watch.c and source_bpf.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "../../src/source.h"
#include "../../src/util.h"
#include "../../src/verdict.h"

#define FIRST_RECORD_AT 20 /* in the head: where the first record starts */
#define RECORD_MIN 8	   /* its size and its type */
#define WORSE_MAX 500 /* variants of a kind; more records, or bytes, are taken in steps */

struct edit {
	struct recording *out;
	unsigned long n, drop; /* records so far; the one to leave out */
	bool list;
};

static int on_record(void *ctx, const struct record *r)
{
	struct edit *e = ctx;
	unsigned long i;

	if (r->h->type == EV_end)
		return 0;
	i = e->n++;
	if (e->list)
		printf("%lu %s %u\n", i, r->ev->name, r->h->look);
	if (!e->out || i == e->drop)
		return 0;
	return recording_write(e->out, r);
}

/* Through the reader and the writer: the result is whole again, and says so. */
static int rewrite(const char *in, const char *out, unsigned long drop, unsigned long lost, bool gap)
{
	struct edit e = { .drop = drop };
	struct ev_gap g = { .h = { .size = sizeof(g), .type = EV_gap, .ts_ns = 1 },
			    .what = "something",
			    .why = "a test" };
	struct record r = { .h = &g.h, .ev = schema_event(EV_gap) };
	int err = recording_create(&e.out, out, true);

	if (err)
		return err;
	err = replay_file(in, on_record, &e);
	if (!err && gap)
		err = recording_write(e.out, &r);
	return recording_close(e.out, lost) ?: err;
}

/* ---- the bytes as they are: records of whatever schema -------------------------- */

struct bytes {
	unsigned char *p;
	long size; /* with the end record */
	long *at;  /* where record i starts; at[n] is the end record, at[n + 1] the end of the file */
	unsigned long n;
};

static void free_bytes(struct bytes *b)
{
	free(b->p);
	free(b->at);
}

static int slurp(const char *in, struct bytes *b)
{
	FILE *f = fopen(in, "r");
	struct stat st;
	int err = f && !fstat(fileno(f), &st) ? 0 : -errno;

	if (!err) {
		b->size = st.st_size;
		b->p = malloc(b->size + 1);
		b->at = calloc(b->size / RECORD_MIN + 2, sizeof(*b->at));
		if (!b->p || !b->at || fread(b->p, 1, b->size, f) != (size_t)b->size)
			err = -EIO;
	}
	if (f)
		fclose(f);
	return err;
}

static int on_nothing(void *ctx, const struct record *r)
{
	(void)ctx;
	(void)r;
	return 0;
}

/* It has to be whole to begin with. */
static int read_whole(const char *in, struct bytes *b)
{
	int err = slurp(in, b) ?: replay_memory(b->p, b->size, on_nothing, NULL);
	__u32 at, size;

	if (err)
		return err;
	memcpy(&at, b->p + FIRST_RECORD_AT, sizeof(at));
	b->at[0] = at;
	for (; b->at[b->n] + RECORD_MIN <= b->size; b->n++) {
		memcpy(&size, b->p + b->at[b->n], sizeof(size));
		b->at[b->n + 1] = b->at[b->n] + size;
	}
	return b->n && b->at[b->n--] == b->size ? 0 : -EBADMSG; /* the end record is none of them */
}

/* Without the bytes from one place to another. */
static int write_without(const struct bytes *b, const char *out, long from, long to)
{
	FILE *o = fopen(out, "w");
	int err = o && fwrite(b->p, 1, from, o) == (size_t)from &&
			  fwrite(b->p + to, 1, b->size - to, o) == (size_t)(b->size - to) ?
			  0 : -errno;

	if (o && fclose(o) && !err)
		err = -errno;
	return err;
}

static int drop_bytes(const char *in, const char *out, unsigned long n)
{
	struct bytes b = { .n = 0 };
	int err = read_whole(in, &b);

	if (!err)
		err = n < b.n ? write_without(&b, out, b.at[n], b.at[n + 1]) : -ERANGE;
	free_bytes(&b);
	return err;
}

static int drop_end(const char *in, const char *out)
{
	struct bytes b = { .n = 0 };
	int err = read_whole(in, &b) ?: write_without(&b, out, b.at[b.n], b.size);

	free_bytes(&b);
	return err;
}

static int cut_off(const char *in, const char *out, long size)
{
	struct bytes b = { .n = 0 };
	int err = slurp(in, &b) ?: write_without(&b, out, size < b.size ? size : b.size, b.size);

	free_bytes(&b);
	return err;
}

/* ---- all of them, in memory --------------------------------------------------- */

static int on_apply(void *ctx, const struct record *r)
{
	return model_apply(ctx, r);
}

/* Does this still lead to something certain? Says so. lost: in addition, a known loss; gap: a gap. */
static bool still_certain(const struct bytes *b, long size, __u64 lost, bool gap, const char *how, unsigned long n)
{
	struct ev_gap g = { .h = { .size = sizeof(g), .type = EV_gap }, .what = "something", .why = "a test" };
	struct ev_lost l = { .h = { .size = sizeof(l), .type = EV_lost }, .count = lost };
	struct record rg = { &g.h, schema_event(EV_gap) }, rl = { &l.h, schema_event(EV_lost) };
	struct model *m = model_new();
	struct findings f = { .n = 0 };
	bool bad = !m;

	if (m) {
		replay_memory(b->p, size, on_apply, m);
		bad = (gap && model_apply(m, &rg)) || (lost && model_apply(m, &rl)) || verdicts_judge(m, NULL, &f);
	}
	for (unsigned int i = 0; i < f.n && !bad; i++) {
		bool deadlock = !strcmp(f.f[i].verdict->name, "deadlock");

		bad = deadlock ? f.f[i].answer != ANSWER_CANNOT_TELL : f.f[i].answer == ANSWER_NO;
		if (bad)
			printf("%s %lu: %s %s: %s\n", how, n, f.f[i].verdict->name, answer_name(f.f[i].answer),
			       f.f[i].sentence ?: "");
	}
	findings_free(&f);
	model_free(m);
	return bad;
}

/* Without one record, noticed only by the count in the end record; then with the loss known. */
static bool certain_without(const struct bytes *b)
{
	unsigned long step = 1 + b->n / WORSE_MAX;
	bool bad = false;

	for (unsigned long i = 0; i < b->n && !bad; i += step) {
		long from = b->at[i], len = b->at[i + 1] - from;
		struct bytes less = { .p = malloc(b->size) };

		if (!less.p)
			return true;
		memcpy(less.p, b->p, from);
		memcpy(less.p + from, b->p + from + len, b->size - from - len);
		bad = still_certain(&less, b->size - len, 0, false, "without record", i) ||
		      still_certain(&less, b->size - len, 1, false, "with a known loss, without record", i);
		free(less.p);
	}
	return bad;
}

static bool any_certain(const struct bytes *b)
{
	long step = 1 + b->size / WORSE_MAX;

	for (long cut = 0; cut < b->size; cut += step)
		if (still_certain(b, cut, 0, false, "cut at byte", cut))
			return true;
	return still_certain(b, b->at[b->n], 0, false, "without its end, of records", b->n) ||
	       still_certain(b, b->size, 1, false, "with a loss of", 1) ||
	       still_certain(b, b->size, 0, true, "with gaps", 1) || certain_without(b);
}

static int worse(const char *in)
{
	struct bytes b = { .n = 0 };
	int err = read_whole(in, &b) ?: any_certain(&b);

	free_bytes(&b);
	return err;
}

static int run(int argc, char **argv)
{
	const char *in = argv[1], *what = argv[2], *out = argv[argc - 1];
	unsigned long n = argc > 4 ? strtoul(argv[3], NULL, 0) : 0;
	struct edit e = { .drop = (unsigned long)-1, .list = !strcmp(what, "list") };
	int err;

	if (argc == 3 && (e.list || !strcmp(what, "count"))) {
		err = replay_file(in, on_record, &e);
		if (!err && !e.list)
			printf("%lu\n", e.n);
		return err;
	}
	if (argc == 3 && !strcmp(what, "worse"))
		return worse(in);
	if (argc == 5 && !strcmp(what, "drop"))
		return drop_bytes(in, out, n);
	if (argc == 5 && !strcmp(what, "lose"))
		return rewrite(in, out, n, 1, false);
	if (argc == 5 && !strcmp(what, "cut"))
		return cut_off(in, out, (long)n);
	if (argc == 4 && !strcmp(what, "noend"))
		return drop_end(in, out);
	if (argc == 5 && !strcmp(what, "lost"))
		return rewrite(in, out, (unsigned long)-1, n, false);
	if (argc == 4 && !strcmp(what, "gap"))
		return rewrite(in, out, (unsigned long)-1, 0, true);
	return -EINVAL;
}

int main(int argc, char **argv)
{
	int err = argc >= 3 ? run(argc, argv) : -EINVAL;

	if (err >= 0)
		return err;
	fprintf(stderr, "recedit: %s\n", err == -EINVAL ? "see the head of recedit.c" : strerror(-err));
	return EX_USAGE;
}

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
 *						certain answer (deadlock yes or no, stall no)
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

#define HEAD_BYTES 32
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

/* The bytes as they are, from each of two spans. */
static int copy_bytes(const char *in, const char *out, long from1, long to1, long from2, long to2)
{
	FILE *i = fopen(in, "r"), *o = fopen(out, "w");
	int c, err = i && o ? 0 : -errno;

	for (long at = 0; !err && (c = getc(i)) != EOF; at++)
		if ((at >= from1 && at < to1) || (at >= from2 && at < to2))
			putc(c, o);
	if (i)
		fclose(i);
	if (o && fclose(o) && !err)
		err = -errno;
	return err;
}

struct find {
	unsigned long n, wanted;
	long at, size; /* where the wanted one is */
	long total;
};

static int on_find(void *ctx, const struct record *r)
{
	struct find *f = ctx;

	if (f->n++ == f->wanted) {
		f->at = f->total;
		f->size = r->ev->size;
	}
	f->total += r->ev->size;
	return 0;
}

static int drop_bytes(const char *in, const char *out, unsigned long n)
{
	struct find f = { .wanted = n, .total = HEAD_BYTES };
	int err = replay_file(in, on_find, &f);

	if (err)
		return err;
	return f.size ? copy_bytes(in, out, 0, f.at, f.at + f.size, f.total) : -ERANGE;
}

static int drop_end(const char *in, const char *out)
{
	struct stat st;

	if (stat(in, &st))
		return -errno;
	return copy_bytes(in, out, 0, st.st_size - (long)sizeof(struct ev_end), 0, 0);
}

/* ---- all of them, in memory --------------------------------------------------- */

struct bytes {
	unsigned char *p;
	long size; /* with the end record */
	long *at;  /* where record i starts; at[n] is the end record */
	unsigned long n;
};

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
		bad = (gap && model_apply(m, &rg)) || (lost && model_apply(m, &rl)) || verdicts_judge(m, &f);
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

static int on_place(void *ctx, const struct record *r)
{
	struct bytes *b = ctx;
	long *grown = realloc(b->at, (b->n + 2) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	b->at = grown;
	b->at[b->n + 1] = b->at[b->n] + r->ev->size;
	b->n++;
	return 0;
}

static int worse(const char *in)
{
	struct bytes b = { .at = calloc(1, sizeof(long)) };
	FILE *f = fopen(in, "r");
	struct stat st;
	int err = f && b.at && !fstat(fileno(f), &st) ? 0 : -errno;

	if (!err) {
		b.size = st.st_size;
		b.at[0] = HEAD_BYTES;
		b.p = malloc(b.size + 1);
		if (!b.p || fread(b.p, 1, b.size, f) != (size_t)b.size)
			err = -EIO;
	}
	if (f)
		fclose(f);
	if (!err)
		err = replay_memory(b.p, b.size, on_place, &b);
	if (!err && (!b.n || b.at[b.n] != b.size))
		err = -EBADMSG; /* it has to be whole to begin with */
	if (!err) {
		b.n--; /* the end record is none of them */
		err = any_certain(&b) ? 1 : 0;
	}
	free(b.p);
	free(b.at);
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
		return copy_bytes(in, out, 0, (long)n, 0, 0);
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

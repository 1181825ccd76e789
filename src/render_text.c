// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_text.c - format "text": events as lines, a summary; what is for the
 * eye only. The table of containers is in render_text_status.c, the account
 * of a finding in render_text_findings.c.
 *
 * Of a stream, only events go to the output; its heading and summary are
 * notices on stderr, so that -q leaves them out.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "emit.h"
#include "ledger.h"
#include "log.h"
#include "opts.h"
#include "render.h"

#define COMM_WIDTH 15
#define EVENT_WIDTH 10
#define STACK_INDENT 18

/* ---- time --------------------------------------------------------------------- */

static const struct tm *local_time(__u64 realtime_ns)
{
	static struct tm tm;
	static time_t second = -1; /* localtime_r() is not cheap, and lines come in bursts */
	time_t s = realtime_ns / NSEC_PER_SEC;

	if (s != second && localtime_r(&s, &tm))
		second = s;
	return &tm;
}

static void line_delta(struct linebuf *l, struct wall *w, __u64 ts)
{
	__u64 d = ts - w->last;

	line_char(l, '[');
	line_u64(l, d / NSEC_PER_SEC, 5, ' ');
	line_char(l, '.');
	line_u64(l, d % NSEC_PER_SEC / 1000, 6, '0');
	line_str(l, "] ");
}

static void clock_words(char *buf, size_t size, __u64 real)
{
	switch (globals.time) {
	case TIME_REL:
		strftime(buf, size, "[%b%e %H:%M] ", local_time(real));
		break;
	case TIME_CTIME:
		strftime(buf, size, "[%a %b %e %T %Y] ", local_time(real));
		break;
	case TIME_ISO:
		strftime(buf, size, "%Y-%m-%dT%H:%M:%S", local_time(real));
		break;
	default:
		strftime(buf, size, "%H:%M:%S", local_time(real));
	}
}

/* A second in words; the same for all lines of that second. */
static void line_clock(struct linebuf *l, __u64 real)
{
	static time_t second = -1;
	static char text[48];
	static size_t len;
	time_t s = real / NSEC_PER_SEC;

	if (s != second) {
		clock_words(text, sizeof(text), real);
		len = strlen(text);
	}
	second = s;
	line_add(l, text, len);
}

/* As dmesg does: the minute when it changes, else the time since the last line. */
static void line_reltime(struct linebuf *l, struct wall *w, __u64 ts, __u64 real)
{
	__u64 minute = real / (60 * NSEC_PER_SEC) + 1;

	if (minute == w->minute) {
		line_delta(l, w, ts);
		return;
	}
	w->minute = minute;
	line_clock(l, real);
}

static void line_micros(struct linebuf *l, char point, __u64 ns)
{
	char text[1 + DECIMAL_MAX];

	/* with a one in front there are six digits behind it */
	append_decimal(text, 1000000 + ns % NSEC_PER_SEC / 1000);
	text[0] = point;
	text[7] = ' ';
	line_add(l, text, 8);
}

static void line_time(struct linebuf *l, struct wall *w, __u64 ts)
{
	__u64 real = ts + w->offset;
	char zone[8];

	if (!w->start)
		w->start = w->last = ts;
	switch (w->known ? globals.time : TIME_MONO) {
	case TIME_LOCAL:
		line_clock(l, real);
		line_micros(l, '.', real);
		break;
	case TIME_DELTA:
		line_delta(l, w, ts);
		break;
	case TIME_REL:
		line_reltime(l, w, ts, real);
		break;
	case TIME_CTIME:
		line_clock(l, real);
		break;
	case TIME_ISO:
		line_clock(l, real);
		line_char(l, ',');
		line_u64(l, real % NSEC_PER_SEC / 1000, 6, '0');
		strftime(zone, sizeof(zone), "%z", local_time(real));
		line_add(l, zone, 3);
		line_char(l, ':');
		line_str(l, zone + 3);
		line_char(l, ' ');
		break;
	case TIME_MONO:
		line_u64(l, ts / NSEC_PER_SEC, 8, ' ');
		line_micros(l, '.', ts);
		break;
	case TIME_NONE:
		break;
	}
	w->last = ts;
}

/* Columns that line_time() fills, for the heading. */
static unsigned int time_width(const struct view *v)
{
	static const unsigned char widths[] = {
		[TIME_LOCAL] = 15, [TIME_DELTA] = 14, [TIME_REL] = 14,	[TIME_CTIME] = 26,
		[TIME_NONE] = 0,   [TIME_ISO] = 32,   [TIME_MONO] = 15,
	};

	return widths[v->wall.known ? globals.time : TIME_MONO];
}

/* ---- an event -------------------------------------------------------------------- */

static unsigned int pid_width(const struct view *v)
{
	unsigned int width = 5;

	for (__u32 n = v->tally.tgid_max / 100000; n; n /= 10)
		width++;
	return width;
}

static __u32 hash_frames(const char *s)
{
	__u32 h = 2166136261u;

	for (unsigned int i = 0; i < STACK_BYTES; i++)
		h = (h ^ (unsigned char)s[i]) * 16777619u;
	return h;
}

/* A stack is printed the first time it is met. */
static void print_stack(struct output *o, struct view *v, const struct ev_stack *s)
{
	__u32 hash = hash_frames(s->frames);
	char frame[STACK_WIDTH + 1];

	for (unsigned int i = 0; i < v->n_stacks && i < ARRAY_SIZE(v->stacks_seen); i++)
		if (v->stacks_seen[i] == hash)
			return;
	v->stacks_seen[v->n_stacks++ % ARRAY_SIZE(v->stacks_seen)] = hash;
	for (unsigned int i = 0; stack_frame(s, i, frame); i++) {
		_cleanup_free_ char *shown = frame_is_hook(frame) ? NULL : ESCAPE(frame);

		if (shown)
			fprintf(o->f, "%*s%s\n", STACK_INDENT, "", shown);
	}
}

static enum paint event_paint(unsigned int type)
{
	switch (type) {
	case EV_block:
	case EV_refuse:
	case EV_decision:
		return PAINT_WARN;
	case EV_blocked:
	case EV_lost:
		return PAINT_BAD;
	default:
		return PAINT_NONE;
	}
}

/* Process, thread's name, event. */
static void line_columns(struct linebuf *l, struct output *o, struct view *v, const struct fdpin_hdr *h, const char *event,
			 enum paint p)
{
	size_t len = strlen(event), used;

	if (h->tgid) {
		line_u64(l, h->tgid, pid_width(v), ' ');
	} else {
		line_fill(l, ' ', pid_width(v) - 1);
		line_char(l, '-');
	}
	line_char(l, ' ');
	used = line_escaped(l, *h->comm ? h->comm : "-", *h->comm ? sizeof(h->comm) : 1);
	line_fill(l, ' ', used < COMM_WIDTH ? COMM_WIDTH - used + 1 : 1);
	line_str(l, paint(o, p));
	line_add(l, event, len);
	line_fill(l, ' ', len < EVENT_WIDTH ? EVENT_WIDTH - len : 0);
	line_str(l, unpaint(o, p));
	line_char(l, ' ');
}

/* The same, from what is kept. event has to be a constant. */
static void line_columns_again(struct linebuf *l, struct output *o, struct view *v, const struct fdpin_hdr *h, const char *event)
{
	struct line_columns *c = &v->columns[h->type];
	size_t from = l->used;

	if (c->event == event && c->tgid == h->tgid && c->pid_width == pid_width(v) && !memcmp(c->comm, h->comm, sizeof(c->comm))) {
		line_add(l, c->text, c->len);
		return;
	}
	line_columns(l, o, v, h, event, event_paint(h->type));
	c->event = NULL;
	if (l->used < from || l->used - from > sizeof(c->text))
		return; /* part of it has gone out, or it is long */
	c->event = event;
	c->tgid = h->tgid;
	c->pid_width = pid_width(v);
	memcpy(c->comm, h->comm, sizeof(c->comm));
	c->len = l->used - from;
	memcpy(c->text, l->text + from, c->len);
}

static void print_verdict(struct output *o, struct view *v, const struct ev_verdict *e)
{
	_cleanup_free_ char *sentence = ESCAPE(e->sentence), *level = ESCAPE(e->level), *name = ESCAPE(e->name);
	bool yes = !strncmp(e->answer, "yes", sizeof(e->answer));
	bool no = !strncmp(e->answer, "no", sizeof(e->answer));
	struct linebuf l;

	/* what had to be escaped is none of our verdicts, and stays as it is */
	for (char *c = name; yes && name && !strchr(name, '\\') && *c; c++)
		*c = *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c;
	line_begin(&l, o->f);
	line_time(&l, &v->wall, e->h.ts_ns);
	line_columns(&l, o, v, &e->h, name ?: "?", yes ? PAINT_BAD : no ? PAINT_GOOD : PAINT_WARN);
	line_write(&l);
	fprintf(o->f, "%s%s\n", yes ? "" : no ? "no more: " : "likely, not proven: ", sentence ?: "?");
	if (yes)
		fprintf(o->f, "%*s%s; the full account: fdpin-trace status\n", STACK_INDENT, "", level ?: "?");
}

/* A decision goes by its rule. */
static const char *event_word(const struct fdpin_hdr *h, const char *name)
{
	return h->type == EV_decision ? kind_value_name(KIND_RULE, ((const struct ev_decision *)h)->rule) ?: name : name;
}

static int text_event(struct output *o, struct view *v, const struct record *r)
{
	const struct fdpin_hdr *h = r->h;
	struct linebuf l;

	switch (h->type) {
	case EV_session:
	case EV_look:
	case EV_end:
	case EV_gap:
		return 0; /* the heading and the end say it */
	case EV_stack:
		print_stack(o, v, (const void *)h);
		return 0;
	case EV_because:
		fprintf(o->f, "%*s", STACK_INDENT, "");
		print_sentence(o->f, r);
		fputc('\n', o->f);
		return 0;
	case EV_verdict:
		v->tally.events++;
		print_verdict(o, v, (const void *)h);
		return 0;
	}
	v->tally.events += is_event(h);
	line_begin(&l, o->f);
	line_time(&l, &v->wall, h->ts_ns);
	line_columns_again(&l, o, v, h, event_word(h, r->ev->name));
	line_sentence(&l, r);
	if (h->tid != h->tgid) {
		line_str(&l, " (tid ");
		line_u64(&l, h->tid, 0, ' ');
		line_char(&l, ')');
	}
	line_char(&l, '\n');
	line_write(&l);
	return 0;
}

/* ---- heading and summary -------------------------------------------------------------- */

static void print_heading(struct output *o, const struct view *v)
{
	unsigned int t = time_width(v);

	fprintf(o->f, "%s", paint(o, PAINT_BOLD));
	if (t)
		fprintf(o->f, "%-*s ", t, "TIME");
	fprintf(o->f, "%*s %-*s %-*s DETAIL%s\n", (int)pid_width(v), "PID", COMM_WIDTH, "COMM", EVENT_WIDTH,
		v->event_heading ?: "EVENT", unpaint(o, PAINT_BOLD));
}

static void print_gap(void *ctx, const struct ev_gap *gap)
{
	_cleanup_free_ char *what = ESCAPE(gap->what), *why = ESCAPE(gap->why);
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, "%s: %s", what ?: "?", why ?: "?") >= 0)
		print_paragraph(ctx, "", "Not seen", 15, text);
}

/* What the windows and the blocked threads came to; a loss takes away every "none". */
static void print_tally(struct output *o, const struct view *v)
{
	const struct tally *t = &v->tally;
	_cleanup_free_ char *comm = ESCAPE(t->block_comm);
	unsigned int blocked = count_blocked(v);
	char buf[FORMAT_MAX];

	if (t->windows_opened || t->windows_closed) {
		fprintf(o->f, "VADDR windows  %u opened, %u closed", t->windows_opened, t->windows_closed);
		if (t->window_ns)
			fprintf(o->f, ", longest %s", format_duration(t->window_ns, buf));
		fputc('\n', o->f);
	}
	if (t->blocks || t->unblocks || blocked) {
		fprintf(o->f, "Blocked        %u time%s", t->blocks, t->blocks == 1 ? "" : "s");
		if (t->unblocks)
			fprintf(o->f, ", longest %s (%s [%u])", format_duration(t->block_ns, buf), comm ?: "?",
				t->block_tid);
		if (blocked)
			fprintf(o->f, ", %s%u still%s", paint(o, PAINT_BAD), blocked, unpaint(o, PAINT_BAD));
		fputc('\n', o->f);
	} else if (!model_complete(v->model)) {
		fputs("Blocked        cannot tell: not everything was seen\n", o->f);
	}
}

/* How long pages stayed pinned that nobody was charged for, and what was charged wrongly. */
static void print_ledger(struct output *o, const struct view *v)
{
	const struct ledger *l = model_ledger(v->model);
	const struct uncharged *longest = NULL;
	char took[FORMAT_MAX], size[FORMAT_MAX];
	unsigned int n = 0;
	__u64 ns, most = 0;

	for (const struct uncharged *u = l->uncharged; u; u = u->next) {
		if (!uncharged_counts(u, model_now(v->model)))
			continue;
		ns = (u->until_ns ?: model_now(v->model)) - u->since_ns;
		if (!longest || ns > most) {
			longest = u;
			most = ns;
		}
		n++;
	}
	if (longest)
		fprintf(o->f, "Uncharged      %u time%s, longest %s (%s%s)\n", n, n == 1 ? "" : "s", format_duration(most, took),
			format_pages(longest->pages, size), longest->until_ns ? "" : ", still");
	else if (l->charges)
		fprintf(o->f, "Charges        %llu%s\n", l->charges, l->n_drifts || v->lost ? "" : ", all to living address spaces");
}

static void print_stream_summary(const struct view *v)
{
	_cleanup_free_ char *yes = v->findings ? count_findings(v, ANSWER_YES) : NULL;
	struct output err;
	char took[FORMAT_MAX], detach[FORMAT_MAX];

	if (!log_enabled(LOG_NOTICE))
		return;
	err = (struct output){ .f = stderr, .width = 80, .utf8 = true };
	fprintf(stderr, "%llu event%s in %s, %llu lost.", v->tally.events, v->tally.events == 1 ? "" : "s",
		format_duration(v->lasted_ns, took), v->lost);
	if (v->detach_ns)
		fprintf(stderr, " Detached in %s.", format_duration(v->detach_ns, detach));
	fputc('\n', stderr);
	print_tally(&err, v);
	print_ledger(&err, v);
	if (yes && *yes)
		fprintf(stderr, "Verdicts       %s\n", yes);
	for_each_gap(v, print_gap, &err);
}

static void print_report_head(struct output *o, struct view *v)
{
	const struct ev_session *s = NOTE_OF(model_first(v->model, OBJ_SESSION), session);
	_cleanup_free_ char *file = escape_text(v->file, 4096);
	char took[FORMAT_MAX], when[48] = "";
	int indent;

	indent = fprintf(o->f, "%s  ", file ?: "?") - 2;
	if (s) {
		_cleanup_free_ char *node = ESCAPE(s->node), *release = ESCAPE(s->release);

		format_rfc3339(s->realtime_ns, when, sizeof(when));
		fprintf(o->f, "%s, Linux %s, %.19sZ, ", node ?: "?", release ?: "?", when);
	}
	fprintf(o->f, "%s\n", format_duration(v->tally.last_ns - v->tally.first_ns, took));
	fprintf(o->f, "%*s  %llu records, %llu lost, %s\n\n", indent, "", v->tally.events, v->lost,
		model_complete(v->model) ? "complete" : "not complete");
	v->tally.events = 0;
}

static int text_begin(struct output *o, struct view *v)
{
	if (v->kind == VIEW_REPORT)
		print_report_head(o, v);
	if (v->kind != VIEW_STATUS)
		print_heading(o, v);
	return 0;
}

static int text_end(struct output *o, struct view *v)
{
	if (v->kind == VIEW_STREAM) {
		print_stream_summary(v);
		return 0;
	}
	if (v->kind == VIEW_REPORT) {
		fputc('\n', o->f);
		text_timeline(o, v);
		text_ledger(o, v);
		print_tally(o, v);
		print_ledger(o, v);
		fputc('\n', o->f);
	}
	return text_status(o, v);
}

const struct format format_text = { "text", text_begin, text_event, text_end };

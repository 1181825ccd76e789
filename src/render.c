// SPDX-License-Identifier: GPL-2.0-only
/*
 * render.c - the table of formats, and what more than one of them needs:
 * sentences and fields of events, and what a view lets through.
 */
#include "render.h"

#include <ctype.h>
#include <string.h>

#include "invalid.h"
#include "opts.h"

static const struct format *const format_table[] = {
#define X(name, what) &format_##name,
	FORMATS(X)
#undef X
		NULL,
};

const struct format *format_find(const char *name)
{
	for (const struct format *const *f = format_table; *f; f++)
		if (!strcmp((*f)->name, name))
			return *f;
	return NULL;
}

void format_list(FILE *out)
{
#define X(name, what) fprintf(out, "%-6s %s\n", #name, what);
	FORMATS(X)
#undef X
}

/* ---- fields and sentences ------------------------------------------------------ */

enum obj_kind field_object(const struct field *f)
{
	static const struct {
		const char *name;
		enum obj_kind kind;
	} kinds[] = {
		{ "work", OBJ_WORK },	  { "behind", OBJ_WORK },      { "wq", OBJ_WQ },     { "files", OBJ_FILES },
		{ "device", OBJ_DEVICE }, { "closed", OBJ_CONTAINER }, { "lock", OBJ_LOCK }, { "id", OBJ_RANGE },
		{ "mm", OBJ_MM },	  { "old_mm", OBJ_MM },	       { "own_mm", OBJ_MM }, { "user", OBJ_USER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, f->name))
			return kinds[i].kind;
	return OBJ_NONE;
}

bool stack_frame(const struct ev_stack *s, unsigned int i, char buf[STACK_WIDTH + 1])
{
	if (i >= STACK_DEPTH || !s->frames[i * STACK_WIDTH])
		return false;
	memcpy(buf, s->frames + i * STACK_WIDTH, STACK_WIDTH);
	buf[STACK_WIDTH] = '\0';
	return true;
}

bool frame_is_hook(const char *frame)
{
	return !strncmp(frame, "bpf_trampoline_", 15) || !strncmp(frame, "bpf_prog_", 9);
}

static void line_errno(struct linebuf *l, __s64 v)
{
	const char *name = v < 0 && v > -4096 ? strerrorname_np(-v) : NULL;

	if (!name) {
		line_s64(l, v);
		return;
	}
	line_char(l, '-');
	line_str(l, name);
}

/* A field in the form of its kind, escaped; object is the kind of what an ID names. */
static void line_field(struct linebuf *l, const struct record *r, const struct field *f, enum obj_kind object)
{
	__u64 v = f->kind == KIND_STR ? 0 : record_u64(r, f);
	const char *name;
	char buf[FORMAT_MAX];

	switch (f->kind) {
	case KIND_STR:
		line_escaped(l, (const char *)r->h + f->offset, f->size);
		return;
	case KIND_COUNT:
	case KIND_TID:
		if (f->is_signed)
			line_s64(l, v);
		else
			line_u64(l, v, 0, ' ');
		return;
	case KIND_BYTES:
		line_put(l, append_bytes(line_room(l, FORMAT_MAX), v));
		return;
	case KIND_PAGES:
		line_put(l, append_pages(line_room(l, FORMAT_MAX), v));
		return;
	case KIND_NS:
		line_str(l, format_duration(v, buf));
		return;
	case KIND_ERRNO:
		line_errno(l, v);
		return;
	case KIND_BOOL:
		line_str(l, v ? "yes" : "no");
		return;
	case KIND_ID:
		line_put(l, append_id(line_room(l, ID_NAME_MAX), object, v));
		return;
	case KIND_ADDR:
	case KIND_HEX:
	case KIND_PAD:
		line_hex(l, v);
		return;
	default:
		name = kind_value_name(f->kind, v);
		if (name) {
			line_str(l, name);
			return;
		}
		line_hex(l, v);
		line_char(l, '?');
	}
}

void print_field(FILE *out, const struct record *r, const struct field *f)
{
	struct linebuf l;

	line_begin(&l, out);
	line_field(&l, r, f, field_object(f));
	line_write(&l);
}

static bool field_empty(const struct record *r, const struct field *f)
{
	return f->kind == KIND_STR ? !((const char *)r->h)[f->offset] : !record_u64(r, f);
}

/*
 * The sentence of an event, taken apart once: text, fields, the container, the
 * frames of a stack; and parts, of which the next `skip` steps are left out when
 * the first field in them is empty. A short text goes with the step behind it.
 */
struct step {
	enum { STEP_END, STEP_TEXT, STEP_FIELD, STEP_CONTAINER, STEP_FRAMES, STEP_PART } what;
	unsigned int skip;
	size_t len;
	const char *text;
	char lead[8]; /* written before it */
	unsigned int lead_len;
	const struct field *field;
	enum obj_kind object;
};

#define STEPS_MAX 32

static struct step *add_step(struct step *steps, unsigned int *n)
{
	if (*n >= STEPS_MAX - 1)
		abort(); /* a sentence in bpf/events.h has grown beyond what is room for */
	return &steps[(*n)++];
}

/* The field named in {...} at s, NULL for {container} and what is no field. */
static const struct field *named_field(const struct event *ev, const char *s)
{
	size_t len = strcspn(s, "}");

	for (unsigned int i = 0; i < ev->n_fields; i++)
		if (!strncmp(ev->fields[i].name, s, len) && !ev->fields[i].name[len])
			return &ev->fields[i];
	return NULL;
}

static void step_name(struct step *step, const struct event *ev, const char *name)
{
	step->field = named_field(ev, name);
	if (ev->type == EV_stack) {
		step->what = STEP_FRAMES;
	} else if (step->field) {
		step->what = STEP_FIELD;
		step->object = field_object(step->field);
	} else if (!strncmp(name, "container}", 10)) {
		step->what = STEP_CONTAINER;
	} else {
		step->what = STEP_TEXT; /* of no length */
	}
}

/* Into the step that comes next, if one does and there is room for it. */
static bool leads(struct step *next, const char *text, size_t len)
{
	if (len > sizeof(next->lead) || (text[len] != '{' && text[len] != '['))
		return false;
	memcpy(next->lead, text, len);
	next->lead_len = len;
	return true;
}

static void take_apart(struct step *steps, const struct event *ev)
{
	unsigned int n = 0, part = 0;
	const char *brace;
	struct step *step;
	size_t len;

	for (const char *s = ev->text; *s;) {
		if (*s == '{') {
			step_name(add_step(steps, &n), ev, s + 1);
			s += strcspn(s, "}");
			s += *s != '\0';
		} else if (*s == '[') {
			brace = strchr(s, '{');
			part = n;
			step = add_step(steps, &n);
			step->what = STEP_PART;
			step->field = brace ? named_field(ev, brace + 1) : NULL;
			s++;
		} else if (*s == ']') {
			steps[part].skip = n - part - 1;
			s++;
		} else {
			len = strcspn(s, "{[]");
			if (!leads(&steps[n], s, len)) {
				step = add_step(steps, &n);
				step->what = STEP_TEXT;
				step->text = s;
				step->len = len;
			}
			s += len;
		}
	}
}

static const struct step *steps_of(const struct event *ev)
{
	static struct step steps[EV__max][STEPS_MAX];
	struct step *mine = steps[ev->type];

	if (mine->what == STEP_END && *ev->text)
		take_apart(mine, ev);
	return mine;
}

static void line_frames(struct linebuf *l, const struct ev_stack *stack)
{
	char frame[STACK_WIDTH + 1];

	for (unsigned int i = 0; stack_frame(stack, i, frame); i++) {
		if (i)
			line_str(l, " < ");
		line_escaped(l, frame, sizeof(frame));
	}
}

/* "1 ranges" is "1 range": the s of the word after a count of one is left out. *one: in that word. */
static void line_words(struct linebuf *l, const char *text, size_t len, bool *one)
{
	if (!*one) {
		line_add(l, text, len);
		return;
	}
	for (const char *s = text; s < text + len; s++) {
		bool plural = *one && *s == 's' && s > text && isalpha((unsigned char)s[-1]) &&
			      (s + 1 == text + len || !isalpha((unsigned char)s[1]));

		if (plural)
			*one = false;
		else
			line_char(l, *s);
	}
}

void line_sentence(struct linebuf *l, const struct record *r)
{
	bool one = false;

	for (const struct step *step = steps_of(r->ev); step->what != STEP_END; step++) {
		if (step->lead_len && one) {
			line_words(l, step->lead, step->lead_len, &one);
		} else if (step->lead_len) {
			memcpy(line_room(l, sizeof(step->lead)), step->lead, sizeof(step->lead));
			l->used += step->lead_len;
		}
		switch (step->what) {
		case STEP_TEXT:
			line_words(l, step->text, step->len, &one);
			break;
		case STEP_FIELD:
			one = step->field->kind == KIND_COUNT && record_u64(r, step->field) == 1;
			line_field(l, r, step->field, step->object);
			break;
		case STEP_CONTAINER:
			one = false;
			line_put(l, append_id(line_room(l, ID_NAME_MAX), OBJ_CONTAINER, r->h->container));
			break;
		case STEP_FRAMES:
			line_frames(l, (const void *)r->h);
			break;
		case STEP_PART:
			if (step->field ? field_empty(r, step->field) : !r->h->container)
				step += step->skip;
			break;
		case STEP_END:
			break;
		}
	}
}

void print_sentence(FILE *out, const struct record *r)
{
	struct linebuf l;

	line_begin(&l, out);
	line_sentence(&l, r);
	line_write(&l);
}

/* ---- views ------------------------------------------------------------------------ */

/* The name of the event, for the counts that only some events have. */
static void tally_event(struct tally *t, const struct fdpin_hdr *h)
{
	const struct ev_invalidate *inv = (const void *)h;
	const struct ev_revalidate *reval = (const void *)h;
	const struct ev_unblock *un = (const void *)h;

	switch (h->type) {
	case EV_invalidate:
		t->windows_opened += inv->ranges && inv->invalid == inv->ranges;
		break;
	case EV_revalidate:
		t->windows_closed += reval->closed != 0;
		if (reval->window_ns > t->window_ns)
			t->window_ns = reval->window_ns;
		break;
	case EV_unmap:
		t->windows_closed += ((const struct ev_unmap *)h)->closed != 0;
		break;
	case EV_detach:
		t->windows_closed += ((const struct ev_detach *)h)->closed != 0;
		break;
	case EV_block:
	case EV_blocked: /* with a threshold it takes the place of the block */
		t->blocks++;
		break;
	case EV_unblock:
		t->unblocks++;
		if (un->ns <= t->block_ns)
			break;
		t->block_ns = un->ns;
		t->block_tid = h->tid;
		memcpy(t->block_comm, h->comm, FDPIN_COMM_LEN);
		break;
	}
}

void view_note(struct view *v, const struct record *r)
{
	const struct ev_session *s = (const void *)r->h;
	struct tally *t = &v->tally;

	if (r->h->type == EV_session && !v->wall.known) {
		v->wall.known = true;
		v->wall.offset = s->realtime_ns - r->h->ts_ns;
	}
	if (!t->first_ns)
		t->first_ns = r->h->ts_ns;
	t->last_ns = r->h->ts_ns;
	if (r->h->tgid > t->tgid_max)
		t->tgid_max = r->h->tgid;
	if (!r->h->look)
		tally_event(t, r->h);
}

/* Nothing is left of what is gone. */
static bool is_there(const struct obj *c)
{
	return c->note_look || c->out || c->in;
}

bool view_has(const struct view *v, const struct obj *c)
{
	return is_there(c) && filter_container(v->filter, v->model, c) == ANSWER_YES;
}

bool view_may_have(const struct view *v, const struct obj *c)
{
	return is_there(c) && filter_container(v->filter, v->model, c) == ANSWER_CANNOT_TELL;
}

unsigned int count_undecided(const struct view *v, const struct obj **ret_first)
{
	unsigned int n = 0;

	for (struct obj *c = model_first(v->model, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER)) {
		if (!view_may_have(v, c))
			continue;
		if (!n++ && ret_first)
			*ret_first = c;
	}
	return n;
}

static bool lives_in(void *mm, __u32 tgid)
{
	for (struct edge *e = edge_in(mm, REL_IN_MM); e; e = edge_in_next(e))
		if (e->last->tgid == tgid)
			return true;
	return false;
}

static bool maps_of(const struct obj *c, const struct obj *mm)
{
	for (struct edge *e = edge_in(c, REL_PART); e; e = edge_in_next(e))
		if (((const struct ev_range *)e->last)->mm == mm->id)
			return true;
	return false;
}

bool view_has_mm(const struct view *v, const struct obj *mm)
{
	if (!filter_set(v->filter))
		return true;
	for (struct obj *c = model_first(v->model, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER))
		if (view_has(v, c) && (maps_of(c, mm) || for_each_owner(v->model, c, OWNER_HOLDS, lives_in, (void *)mm)))
			return true;
	return false;
}

bool view_has_user(const struct view *v, const struct obj *user)
{
	if (!filter_set(v->filter))
		return true;
	for (struct edge *e = edge_in(user, REL_OF_USER); e; e = edge_in_next(e))
		for (struct edge *mm = edge_out(e->from, REL_IN_MM); mm; mm = edge_out_next(mm))
			if (view_has_mm(v, mm->to))
				return true;
	return false;
}

void for_each_gap(const struct view *v, void (*fn)(void *ctx, const struct ev_gap *gap), void *ctx)
{
	for (struct obj *o = model_first(v->model, OBJ_GAP); o; o = model_next(o, OBJ_GAP))
		if (NOTE_OF(o, gap))
			fn(ctx, NOTE_OF(o, gap));
}

bool view_has_finding(const struct view *v, const struct finding *f)
{
	const struct obj *mm = f->mm ? model_find(v->model, OBJ_MM, f->mm) : NULL, *c;

	if (mm)
		return view_has_mm(v, mm);
	if (!f->container)
		return true;
	if (!filter_has_id(v->filter, f->container))
		return false;
	c = model_find(v->model, OBJ_CONTAINER, f->container);
	return !c || filter_container(v->filter, v->model, c) == ANSWER_YES;
}

bool view_told(const struct view *v, const struct finding *f)
{
	for (const struct finding *g = v->findings->f; g < f; g++)
		if (f->container && g->container == f->container && g->answer == ANSWER_YES)
			return true;
	return false;
}

/* ---- what it amounts to --------------------------------------------------------------- */

/* Known trouble counts before what is not known: whoever is woken by it reads both. */
enum severity view_severity(const struct view *v)
{
	enum severity worst = SEVERITY_OK;
	/* Nothing is what was asked for: nothing can be said about it. */
	bool nothing = filter_set(v->filter) && !count_containers(v);
	bool unknown = !model_complete(v->model) || nothing || count_undecided(v, NULL);

	for (unsigned int i = 0; i < v->findings->n; i++) {
		const struct finding *f = &v->findings->f[i];

		if (!view_has_finding(v, f))
			continue;
		unknown |= f->answer == ANSWER_CANNOT_TELL;
		if (f->answer == ANSWER_YES && (enum severity)f->verdict->check_status > worst)
			worst = f->verdict->check_status;
	}
	return worst == SEVERITY_OK && unknown ? SEVERITY_UNKNOWN : worst;
}

const char *severity_name(enum severity s)
{
	static const char *const names[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

	return names[s];
}

char *count_findings(const struct view *v, enum answer answer)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (unsigned int k = 0; k < verdict_count; k++) {
		unsigned int n = 0;

		for (unsigned int i = 0; i < v->findings->n; i++) {
			const struct finding *f = &v->findings->f[i];

			if (answer == ANSWER_CANNOT_TELL && view_told(v, f))
				continue;
			n += f->verdict == &verdict_table[k] && f->answer == answer && view_has_finding(v, f);
		}
		if (n)
			fprintf(out, "%s%u %s", ftell(out) ? ", " : "", n, n > 1 ? verdict_table[k].plural : verdict_table[k].name);
	}
	fclose(out);
	return text;
}

unsigned int count_containers(const struct view *v)
{
	unsigned int n = 0;

	for (struct obj *c = model_first(v->model, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER))
		n += view_has(v, c);
	return n;
}

unsigned int count_blocked(const struct view *v)
{
	unsigned int n = 0;

	for (struct obj *c = model_first(v->model, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER)) {
		if (!view_has(v, c))
			continue;
		for (struct edge *e = edge_in(c, REL_WAITS); e; e = edge_in_next(e))
			n++;
	}
	return n;
}

static bool any_invalid(const struct view *v)
{
	struct invalid inv;

	for (struct obj *c = model_first(v->model, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER)) {
		if (!view_has(v, c))
			continue;
		invalid_state(&inv, v->model, c);
		if (inv.is != INVALID_NO)
			return true;
	}
	return false;
}

const char *ok_words(const struct view *v)
{
	return any_invalid(v) ? "no blocked thread, no range invalid for too long, no accounting drift" :
				"no invalidated range, no blocked thread, no accounting drift";
}

const char *container_type(const struct ev_container *note)
{
	if (note->kind != CONTAINER_NONE)
		return kind_value_name(KIND_CONTAINER, note->kind) ?: "?";
	return note->iommu ? "type1" : NULL;
}

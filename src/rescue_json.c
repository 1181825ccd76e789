// SPDX-License-Identifier: GPL-2.0-only
/*
 * rescue_json.c - plans, and what came of them, for programs (rescue.h): one
 * object, which dist/fdpin-trace-rescue.schema.json describes. Keys are only
 * ever added.
 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "output.h"
#include "render.h"
#include "rescue.h"

#define DOC_VERSION 1 /* one more when a key changes its meaning or goes away */

typedef struct json_object json;

static json *text_or_null(const char *s)
{
	return *s ? json_object_new_string(s) : NULL;
}

static json *name(enum obj_kind kind, __u64 id)
{
	char buf[ID_NAME_MAX];

	return id ? json_object_new_string(id_name(kind, id, buf)) : NULL;
}

static json *answer(enum answer a)
{
	return json_object_new_string(answer_name(a));
}

/* ---- the plan ----------------------------------------------------------------------------- */

static json *threads(const struct plan_thread *v, unsigned int n)
{
	static const char *const classes[] = { [CLASS_WORKER] = "worker", [CLASS_KTHREAD] = "kthread", [CLASS_USER] = "user" };
	json *list = json_object_new_array();

	for (unsigned int i = 0; i < n; i++) {
		const char *class = v[i].class < ARRAY_SIZE(classes) ? classes[v[i].class] : NULL;
		json *obj = json_object_new_object();

		json_add(obj, "tgid", json_object_new_int64(v[i].tgid));
		json_add(obj, "tid", json_object_new_int64(v[i].tid));
		json_add(obj, "name", json_object_new_string(v[i].words));
		json_add(obj, "class", json_object_new_string(class ?: "unknown"));
		json_object_array_add(list, obj);
	}
	return list;
}

static json *holders(const struct rescue_plan *p)
{
	json *list = json_object_new_array();

	for (unsigned int i = 0; i < p->n_holders; i++) {
		const struct plan_holder *h = &p->holders[i];
		json *obj = json_object_new_object();

		json_add(obj, "tgid", json_object_new_int64(h->tgid));
		json_add(obj, "tid", json_object_new_int64(h->tid));
		json_add(obj, "fd", json_object_new_int64(h->fd));
		json_add(obj, "name", json_object_new_string(h->words));
		json_object_array_add(list, obj);
	}
	return list;
}

static json *ranges(const struct rescue_plan *p)
{
	json *list = json_object_new_array();

	for (unsigned int i = 0; i < p->n_ranges; i++) {
		const struct plan_range *r = &p->ranges[i];
		json *obj = json_object_new_object();

		json_add(obj, "iova", json_hex(r->iova));
		json_add(obj, "size", json_object_new_uint64(r->size));
		json_add(obj, "vaddr", json_hex(r->vaddr));
		json_add(obj, "mm", name(OBJ_MM, r->mm));
		json_add(obj, "pinned_pages", r->pinned < 0 ? NULL : json_object_new_int64(r->pinned));
		json_add(obj, "wanted", answer(r->wanted));
		json_add(obj, "restorable", answer(r->restorable));
		json_object_array_add(list, obj);
	}
	return list;
}

static json *ways(const struct rescue_plan *p)
{
	json *list = json_object_new_array();

	for (enum way w = 0; w < WAY__max; w++) {
		json *obj = json_object_new_object();

		json_add(obj, "way", json_object_new_string(way_name(w)));
		json_add(obj, "what", json_object_new_string(way_what(w)));
		json_add(obj, "sound", answer(p->ways[w].answer));
		json_add(obj, "why", json_object_new_string(p->ways[w].why));
		json_add(obj, "breaks", text_or_null(p->ways[w].breaks));
		json_object_array_add(list, obj);
	}
	return list;
}

/* ---- what came of it ---------------------------------------------------------------------------- */

static json *steps(const struct rescue_outcome *o)
{
	json *list = json_object_new_array();

	for (unsigned int i = 0; i < o->n_steps; i++) {
		const struct rescue_step *s = &o->steps[i];
		json *obj = json_object_new_object();

		json_add(obj, "way", json_object_new_string(way_name(s->way)));
		json_add(obj, "iova", json_hex(s->iova));
		json_add(obj, "size", json_object_new_uint64(s->size));
		json_add(obj, "unmapped_bytes", json_object_new_uint64(s->bytes));
		json_add(obj, "tgid", json_object_new_int64(s->tgid));
		json_add(obj, "fd", json_object_new_int64(s->fd));
		json_add(obj, "borrower", json_object_new_int64(s->borrower));
		json_add(obj, "took_ns", json_object_new_uint64(s->took_ns));
		json_add(obj, "result", json_object_new_string(step_result_name(s->result)));
		json_add(obj, "errno", s->error ? json_object_new_string(strerrorname_np(s->error)) : NULL);
		json_object_array_add(list, obj);
	}
	return list;
}

static json *balance(const struct balance *b)
{
	json *obj = json_object_new_object();

	json_add(obj, "answer", answer(b->answer));
	json_add(obj, "mm", name(OBJ_MM, b->mm));
	json_add(obj, "locked_vm_before", json_object_new_int64(b->before));
	json_add(obj, "locked_vm_after", json_object_new_int64(b->after));
	json_add(obj, "pinned_pages_before", json_object_new_uint64(b->pinned_before));
	json_add(obj, "pinned_pages_after", json_object_new_uint64(b->pinned_after));
	json_add(obj, "why", text_or_null(b->why));
	return obj;
}

static json *outcome(const struct rescue_outcome *o)
{
	json *obj = json_object_new_object();
	bool checked = o->end != RESCUE_REFUSED;

	json_add(obj, "outcome", json_object_new_string(rescue_end_name(o->end)));
	json_add(obj, "why", text_or_null(o->why));
	json_add(obj, "steps", steps(o));
	json_add(obj, "threads_free", checked ? answer(o->threads) : NULL);
	json_add(obj, "closer_returned", checked ? answer(o->closers) : NULL);
	json_add(obj, "balance", checked ? balance(&o->balance) : NULL);
	return obj;
}

/* ---- the document ----------------------------------------------------------------------------------- */

static json *plan(const struct rescue_plan *p, const struct rescue_outcome *o)
{
	const char *level = level_name(p->level);
	json *obj = json_object_new_object();

	json_add(obj, "container", name(OBJ_CONTAINER, p->container->id));
	json_add(obj, "deadlock", answer(p->deadlock));
	json_add(obj, "grade", level ? json_object_new_string(level) : NULL);
	json_add(obj, "sentence", text_or_null(p->sentence));
	json_add(obj, "doubt", text_or_null(p->doubt));
	json_add(obj, "blocked", threads(p->waiters, p->n_waiters));
	json_add(obj, "closers", threads(p->closers, p->n_closers));
	json_add(obj, "holders", holders(p));
	json_add(obj, "ranges", ranges(p));
	json_add(obj, "ways", ways(p));
	json_add(obj, "performed", o ? outcome(o) : NULL);
	return obj;
}

static json *gaps(const struct model *m)
{
	json *list = json_object_new_array();

	for (struct obj *o = model_first(m, OBJ_GAP); o; o = model_next(o, OBJ_GAP)) {
		const struct ev_gap *g = NOTE_OF(o, gap);
		json *obj;

		if (!g || g->hooks_only)
			continue;
		obj = json_object_new_object();
		json_add(obj, "what", json_text(g->what, sizeof(g->what)));
		json_add(obj, "why", json_text(g->why, sizeof(g->why)));
		json_object_array_add(list, obj);
	}
	return list;
}

int rescue_json(struct output *o, const struct model *m, const struct rescue_terms *terms, const struct rescue_plans *p,
		const struct rescue_outcome *outcomes)
{
	static const char *const known[] = { [NOT_KNOWN] = "unknown", [KNOWN_NO] = "no", [KNOWN_YES] = "yes" };
	json *doc = json_object_new_object(), *schema = json_object_new_object(), *list = json_object_new_array();
	int err;

	for (unsigned int i = 0; i < p->n; i++)
		json_object_array_add(list, plan(&p->v[i], outcomes ? &outcomes[i] : NULL));
	json_add(schema, "name", json_object_new_string("fdpin-trace/rescue"));
	json_add(schema, "version", json_object_new_int(DOC_VERSION));
	json_add(doc, "schema", schema);
	json_add(doc, "complete", json_object_new_boolean(!model_look_gaps(m) && !model_lost(m)));
	json_add(doc, "gaps", gaps(m));
	json_add(doc, "range_has_own_mm", json_object_new_string(known[terms->own_mm]));
	json_add(doc, "plans", list);
	err = json_print(o, doc);
	json_object_put(doc);
	fputc('\n', o->f);
	return err;
}

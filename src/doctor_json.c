// SPDX-License-Identifier: GPL-2.0-only
/*
 * doctor_json.c - what `doctor` says to programs: one object (doctor.h). Keys
 * are only ever added; see DOC_VERSION.
 */
#include <errno.h>
#include <json-c/json.h>

#include "doctor.h"
#include "render.h"

#define DOC_VERSION 1 /* one more when a key changes its meaning or goes away */

static const char *known_word(enum known is)
{
	return is == KNOWN_YES ? "yes" : is == KNOWN_NO ? "no" : "unknown";
}

static struct json_object *notes(const struct check *c)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int i = 0; i < c->n_notes; i++) {
		struct json_object *obj = json_object_new_object();

		json_add(obj, "label", json_object_new_string(c->notes[i].label));
		json_add(obj, "text", json_text(c->notes[i].text, TEXT_MAX));
		json_object_array_add(list, obj);
	}
	return list;
}

static struct json_object *checks(const struct doctor *d, const struct doctor_view *v)
{
	static const char *const states[] = { "unknown", "ok", "part", "none", "fail" };
	struct json_object *list = json_object_new_array();

	for (int i = 0; i < CHECK__max; i++) {
		const struct check_info *info = &check_table[i];
		const struct check *c = &d->checks[i];
		struct json_object *obj;

		if (!(v->checks & 1U << i))
			continue;
		obj = json_object_new_object();
		json_add(obj, "id", json_object_new_string(info->id));
		json_add(obj, "answer", json_object_new_string(known_word(c->answer)));
		json_add(obj, "why", json_text(c->why, TEXT_MAX));
		json_add(obj, "statement", json_object_new_string(info->statement));
		json_add(obj, "state", json_object_new_string(states[c->state]));
		json_add(obj, "defect", info->defect ? json_object_new_string(defect_names[info->defect - 1]) : NULL);
		json_add(obj, "notes", notes(c));
		json_object_array_add(list, obj);
	}
	return list;
}

static struct json_object *defects(const struct doctor *d)
{
	struct json_object *obj = json_object_new_object();

	for (int i = 0; i < DEFECT__max; i++)
		json_add(obj, defect_names[i], json_object_new_string(known_word(d->defects[i])));
	return obj;
}

/* In works just the word, as that is what scripts ask for; the reasons beside it. */
static void add_works(struct json_object *doc, const struct doctor *d, const struct doctor_view *v)
{
	static const char *const words[] = { "none", "partial", "full" };
	struct json_object *works = json_object_new_object(), *why = json_object_new_object();

	for (int i = 0; i < WORKS__max; i++) {
		if (!(v->works & 1U << i))
			continue;
		json_add(works, works_names[i], json_object_new_string(words[d->works[i].extent]));
		json_add(why, works_names[i], d->works[i].why[0] ? json_text(d->works[i].why, TEXT_MAX) : NULL);
	}
	json_add(doc, "works", works);
	json_add(doc, "works_why", why);
}

static struct json_object *required(const struct doctor *d, const struct doctor_view *v)
{
	struct json_object *obj = json_object_new_object();

	for (int i = 0; i < FEATURES_MAX; i++)
		if (i < CHECK__max ? v->checks & 1U << i : v->works & 1U << (i - CHECK__max))
			json_add(obj, feature_name(i), json_object_new_string(known_word(feature_there(d, i))));
	return obj;
}

static struct json_object *host(const struct facts *f)
{
	struct json_object *obj = json_object_new_object();
	char time[48];

	json_add(obj, "node", json_text(f->node, sizeof(f->node)));
	json_add(obj, "kernel", json_text(f->release, sizeof(f->release)));
	json_add(obj, "machine", json_text(f->machine, sizeof(f->machine)));
	json_add(obj, "boot_id", json_text(f->boot_id, sizeof(f->boot_id)));
	format_rfc3339(f->time_ns, time, sizeof(time));
	json_add(obj, "time", json_object_new_string(time));
	json_add(obj, "version", json_object_new_string(FDPIN_VERSION));
	return obj;
}

int doctor_json(struct output *o, const struct doctor *d, const struct facts *f, const struct doctor_view *v)
{
	struct json_object *doc = json_object_new_object(), *schema = json_object_new_object();
	int err;

	json_add(schema, "name", json_object_new_string("fdpin-trace/doctor"));
	json_add(schema, "version", json_object_new_int(DOC_VERSION));
	json_add(doc, "schema", schema);
	json_add(doc, "host", host(f));
	json_add(doc, "checks", checks(d, v));
	json_add(doc, "defects", defects(d));
	add_works(doc, d, v);
	if (v->require)
		json_add(doc, "required", required(d, v));
	json_add(doc, "status", json_object_new_int(doctor_status(d, v)));
	err = json_print(o, doc);
	json_object_put(doc);
	fputc('\n', o->f);
	return err;
}

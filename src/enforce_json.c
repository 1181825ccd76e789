// SPDX-License-Identifier: GPL-2.0-only
/*
 * enforce_json.c - what `enforce` says to programs (enforce.h): one object for
 * --check-config; else lines, the first of them "guard", the last "summary",
 * in between the records of bpf/events.h. dist/fdpin-trace-enforce.schema.json
 * describes them. Keys are only ever added.
 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "doctor.h"
#include "enforce.h"
#include "render.h"

#define DOC_VERSION 1 /* one more when a key changes its meaning or goes away */

static struct json_object *set_by(const struct policy *p, const struct policy_rule *r)
{
	struct json_object *obj;

	if (r->file < 0)
		return NULL;
	obj = json_object_new_object();
	json_add(obj, "file", json_text(p->files[r->file].path, 4096));
	json_add(obj, "line", json_object_new_int64(r->line));
	return obj;
}

/* null: for everybody; else what is said of the three keys, as in a configuration. */
static struct json_object *scope(const struct guard_scope *s)
{
	static const struct {
		const char *name;
		enum scope_key key;
	} keys[] = { { "cgroup", SCOPE_CGROUP }, { "uid", SCOPE_UID }, { "exe", SCOPE_EXE } };
	struct json_object *obj;
	char text[POLICY_ABOUT_MAX];

	if (!s->keys)
		return NULL;
	obj = json_object_new_object();
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		json_add(obj, keys[i].name,
			 s->keys & keys[i].key ? json_object_new_string(scope_key_text(s, keys[i].key, text, sizeof(text))) : NULL);
	return obj;
}

static struct json_object *remarks(const struct policy *p)
{
	struct json_object *list = json_object_new_array();
	struct enforce_remarks remarks;

	enforce_remark(&remarks, p);
	for (unsigned int i = 0; i < remarks.n; i++)
		json_object_array_add(list, json_text(remarks.text[i], sizeof(remarks.text[i])));
	return list;
}

static struct json_object *rules(const struct policy *p, bool monitor)
{
	struct json_object *list = json_object_new_array();

	for (int i = 0; i < RULE__max; i++) {
		const struct policy_rule *r = &p->rules[i];
		struct json_object *obj = json_object_new_object();
		char about[POLICY_ABOUT_MAX];

		json_add(obj, "name", json_object_new_string(rule_name(i)));
		json_add(obj, "hook", json_object_new_string(rule_table[i].hook));
		json_add(obj, "action", json_object_new_string(action_word(action_taken(r, monitor))));
		json_add(obj, "errno", r->error ? json_object_new_string(strerrorname_np(r->error)) : NULL);
		json_add(obj, "applies_to", json_object_new_string(policy_applies_to(p, i, about, sizeof(about))));
		json_add(obj, "scope", scope(&r->scope));
		json_add(obj, "set_by", set_by(p, r));
		json_object_array_add(list, obj);
	}
	return list;
}

static struct json_object *files(const struct policy *p)
{
	struct json_object *list = json_object_new_array();

	for (int i = 0; i < p->n_files; i++) {
		struct json_object *obj = json_object_new_object();

		json_add(obj, "path", json_text(p->files[i].path, 4096));
		json_add(obj, "layer", json_object_new_string(p->files[i].layer == LAYER_VENDOR ? "vendor" : "local"));
		json_object_array_add(list, obj);
	}
	return list;
}

static int put(struct output *o, struct json_object *doc)
{
	int err = json_print(o, doc);

	json_object_put(doc);
	fputc('\n', o->f);
	return err;
}

int enforce_config_json(struct output *o, const struct policy *p, const struct hooks_state *hooks)
{
	static const char *const words[] = { [NOT_KNOWN] = "unknown", [KNOWN_NO] = "no", [KNOWN_YES] = "yes" };
	struct json_object *doc = json_object_new_object(), *schema = json_object_new_object();

	json_add(schema, "name", json_object_new_string("fdpin-trace/policy"));
	json_add(schema, "version", json_object_new_int(DOC_VERSION));
	json_add(doc, "schema", schema);
	json_add(doc, "files", files(p));
	json_add(doc, "rules", rules(p, false));
	json_add(doc, "remarks", remarks(p));
	json_add(doc, "hooks", json_object_new_string(words[hooks->there]));
	json_add(doc, "hooks_why", hooks->why[0] ? json_text(hooks->why, sizeof(hooks->why)) : NULL);
	return put(o, doc);
}

int enforce_begin_json(struct output *o, const struct guard *g, const struct policy *p, bool monitor, const char *pins)
{
	struct json_object *doc = json_object_new_object();
	const char *no_veto = guard_no_veto(g);

	json_add(doc, "type", json_object_new_string("guard"));
	json_add(doc, "mechanism", json_object_new_string(mechanism_word(guard_mechanism(g))));
	json_add(doc, "compat", json_object_new_string(guard_compat(g)));
	json_add(doc, "promise", json_object_new_string(promise_word(guard_promise(g))));
	json_add(doc, "promise_why", json_text(guard_promise_why(g), TEXT_MAX));
	json_add(doc, "no_veto", no_veto ? json_object_new_string(no_veto) : NULL);
	json_add(doc, "rules", rules(p, monitor));
	json_add(doc, "pins", pins ? json_text(pins, 4096) : NULL);
	return put(o, doc);
}

int enforce_pins_json(struct output *o, const char *folder, const char *gone_why)
{
	struct json_object *doc = json_object_new_object();
	int err;

	json_add(doc, "type", json_object_new_string("pins"));
	json_add(doc, "folder", json_text(folder, 4096));
	json_add(doc, "state", json_object_new_string(gone_why ? "gone" : "there"));
	json_add(doc, "why", gone_why ? json_object_new_string(gone_why) : NULL);
	err = put(o, doc);
	fflush(o->f);
	return err;
}

int enforce_changed_json(struct output *o, const char *what)
{
	struct json_object *doc = json_object_new_object();
	int err;

	json_add(doc, "type", json_object_new_string("changed"));
	json_add(doc, "what", json_object_new_string(what));
	err = put(o, doc);
	fflush(o->f);
	return err;
}

int enforce_full_json(struct output *o, const struct full_change *c)
{
	struct json_object *doc = json_object_new_object();
	__u32 places = full_places(c->table);
	int err;

	json_add(doc, "type", json_object_new_string("full"));
	json_add(doc, "table", json_object_new_string(full_table(c->table)));
	json_add(doc, "state", json_object_new_string(c->over ? "over" : "full"));
	json_add(doc, "places", places ? json_object_new_int64(places) : NULL);
	json_add(doc, "refused", json_object_new_uint64(c->count.refused));
	json_add(doc, "unnoted", json_object_new_uint64(c->count.unnoted));
	json_add(doc, "means", c->over ? NULL : json_object_new_string(full_means(c->table)));
	json_add(doc, "advice", c->over ? NULL : json_object_new_string(full_advice(c->table)));
	err = put(o, doc);
	fflush(o->f);
	return err;
}

static struct json_object *counts(const struct guard_counters *c)
{
	struct json_object *list = json_object_new_array();

	for (int i = 0; i < RULE__max; i++) {
		struct json_object *obj = json_object_new_object();

		json_add(obj, "name", json_object_new_string(rule_name(i)));
		json_add(obj, "denied", json_object_new_uint64(c->decisions[i][ACTION_DENY]));
		json_add(obj, "would_deny", json_object_new_uint64(c->decisions[i][ACTION_MONITOR]));
		json_add(obj, "not_prevented", json_object_new_uint64(c->decisions[i][ACTION_PASSED]));
		json_add(obj, "exempt", json_object_new_uint64(c->decisions[i][ACTION_EXEMPT]));
		json_add(obj, "quarantined", json_object_new_uint64(c->decisions[i][ACTION_QUARANTINED]));
		json_add(obj, "outside", json_object_new_uint64(c->outside[i]));
		json_object_array_add(list, obj);
	}
	return list;
}

int enforce_end_json(struct output *o, const struct enforce_end *e)
{
	struct json_object *doc = json_object_new_object();

	json_add(doc, "type", json_object_new_string("summary"));
	json_add(doc, "lasted_ns", json_object_new_uint64(e->lasted_ns));
	json_add(doc, "rules", counts(&e->counters));
	json_add(doc, "unknown_caller", json_object_new_uint64(e->counters.unknown_caller));
	json_add(doc, "nonresident", json_object_new_uint64(e->counters.nonresident));
	json_add(doc, "no_room", json_object_new_uint64(full_refused(&e->counters)));
	json_add(doc, "overlaps", json_object_new_uint64(e->counters.overlaps));
	json_add(doc, "sticky", json_object_new_uint64(e->counters.sticky));
	json_add(doc, "untold", json_object_new_uint64(e->counters.untold));
	json_add(doc, "killed", json_object_new_uint64(e->counters.killed));
	json_add(doc, "quarantines", json_object_new_uint64(e->counters.decisions[RULE_MDEV_VADDR][ACTION_QUARANTINE_BEGINS]));
	json_add(doc, "quarantines_over", json_object_new_uint64(e->counters.decisions[RULE_MDEV_VADDR][ACTION_QUARANTINE_ENDS]));
	json_add(doc, "unnoted", json_object_new_uint64(full_unnoted(&e->counters)));
	json_add(doc, "unwatched", json_object_new_uint64(full_unwatched(&e->counters)));
	json_add(doc, "swept", json_object_new_uint64(e->counters.swept));
	json_add(doc, "reclaimed", json_object_new_uint64(e->counters.reclaimed));
	json_add(doc, "lost", json_object_new_uint64(e->lost));
	json_add(doc, "missed", json_object_new_uint64(e->missed));
	json_add(doc, "pins_gone", json_object_new_uint64(e->pins_gone));
	json_add(doc, "changed", json_object_new_uint64(e->changed));
	return put(o, doc);
}

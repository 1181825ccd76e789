// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_json_ledger.c - format "json": the ledger of a report, that is its
 * accounts, what of them is by the drivers of devices, the kernel's counters with
 * what is others' in them, and the times in which nobody was charged.
 */
#include <errno.h>
#include <json-c/json.h>

#include "ledger.h"
#include "render.h"

static struct json_object *name(enum obj_kind kind, __u64 id)
{
	char buf[ID_NAME_MAX];

	return id ? json_object_new_string(id_name(kind, id, buf)) : NULL;
}

/* Is the container among those that are shown? One that is gone is, unless something was asked for. */
static bool shown(const struct view *v, __u64 container)
{
	const struct obj *c = model_find(v->model, OBJ_CONTAINER, container);

	return c ? !filter_set(v->filter) || view_has(v, c) : !filter_set(v->filter);
}

static struct json_object *account(const struct ledger_account *a)
{
	struct json_object *obj = json_object_new_object();

	json_add(obj, "container", name(OBJ_CONTAINER, a->key.container));
	json_add(obj, "mm", name(OBJ_MM, a->key.mm));
	json_add(obj, "user", name(OBJ_USER, a->user));
	json_add(obj, "account", json_value_name(KIND_ACCOUNT, a->key.way));
	json_add(obj, "older_pages", json_object_new_int64(a->older));
	json_add(obj, "charged_pages", json_object_new_int64(a->charged));
	json_add(obj, "credited_pages", json_object_new_int64(a->credited));
	json_add(obj, "balance_pages", json_object_new_int64(account_balance(a)));
	json_add(obj, "gone_ts_ns", a->gone_ns ? json_object_new_uint64(a->gone_ns) : NULL);
	json_add(obj, "certain", json_object_new_boolean(!a->unsure));
	return obj;
}

static struct json_object *device(const struct view *v, const struct ledger_device *d)
{
	struct json_object *obj = json_object_new_object();

	json_add(obj, "container", name(OBJ_CONTAINER, d->key.container));
	json_add(obj, "device", name(OBJ_DEVICE, d->key.device));
	json_add(obj, "name", *d->name ? json_text(d->name, sizeof(d->name)) : NULL);
	json_add(obj, "charged_pages", json_object_new_int64(d->charged));
	json_add(obj, "credited_pages", json_object_new_int64(d->credited));
	json_add(obj, "balance_pages", json_object_new_int64(d->charged - d->credited));
	json_add(obj, "pinned_pages", json_object_new_int64(d->pinned));
	json_add(obj, "unpinned_pages", json_object_new_int64(d->unpinned));
	json_add(obj, "closed_ts_ns", d->closed_ns ? json_object_new_uint64(d->closed_ns) : NULL);
	json_add(obj, "certain", json_object_new_boolean(!d->unsure && model_complete(v->model)));
	return obj;
}

static struct json_object *counter(const struct view *v, const struct ledger_counter *c, const struct ledger_booked *b)
{
	struct json_object *obj = json_object_new_object();
	bool user = c->key.kind == COUNTER_USER;

	json_add(obj, "mm", user ? NULL : name(OBJ_MM, c->key.id));
	json_add(obj, "user", user ? name(OBJ_USER, c->key.id) : NULL);
	json_add(obj, "counter", json_object_new_string(c->key.kind == COUNTER_PINNED ? "pinned_vm" : "locked_vm"));
	json_add(obj, "pages", json_object_new_int64(c->pages));
	json_add(obj, "booked_pages", json_object_new_int64(b->pages));
	json_add(obj, "other_pages", json_object_new_int64(c->pages - b->pages));
	json_add(obj, "read_ts_ns", json_object_new_uint64(c->read_ns));
	json_add(obj, "certain", json_object_new_boolean(b->sure && model_complete(v->model)));
	return obj;
}

/* NULL: no memory */
static struct json_object *counters_of(const struct view *v)
{
	const struct ledger *l = model_ledger(v->model);
	struct json_object *list = json_object_new_array();
	struct ledger_booked *books = NULL;

	if (ledger_book(l, &books)) {
		json_object_put(list);
		return NULL;
	}
	for (const struct ledger_counter *c = l->counters; c; c = c->hh.next)
		json_object_array_add(list, counter(v, c, ledger_booked(books, c)));
	ledger_unbook(books);
	return list;
}

static struct json_object *uncharged(const struct uncharged *u, __u64 now)
{
	const struct fdpin_hdr *h = u->exec ?: u->gone;
	struct json_object *obj = json_object_new_object();

	json_add(obj, "container", name(OBJ_CONTAINER, u->container));
	json_add(obj, "mm", name(OBJ_MM, u->mm));
	json_add(obj, "pages", json_object_new_int64(u->pages));
	json_add(obj, "left_pages", json_object_new_int64(u->left));
	json_add(obj, "since_ts_ns", json_object_new_uint64(u->since_ns));
	json_add(obj, "until_ts_ns", u->until_ns ? json_object_new_uint64(u->until_ns) : NULL);
	json_add(obj, "ns", json_object_new_uint64((u->until_ns ?: now) - u->since_ns));
	json_add(obj, "by", json_object_new_string(u->exec ? "exec" : "exit"));
	json_add(obj, "tgid", json_object_new_int64(h->tgid));
	json_add(obj, "comm", json_text(h->comm, sizeof(h->comm)));
	return obj;
}

struct json_object *json_ledger(const struct view *v)
{
	const struct ledger *l = model_ledger(v->model);
	struct json_object *obj = json_object_new_object(), *accounts = json_object_new_array(), *windows = json_object_new_array();
	struct json_object *devices = json_object_new_array(), *counters = counters_of(v);

	for (const struct ledger_account *a = l->accounts; a; a = a->hh.next)
		if (shown(v, a->key.container))
			json_object_array_add(accounts, account(a));
	for (const struct ledger_device *d = l->devices; d; d = d->hh.next)
		if (shown(v, d->key.container))
			json_object_array_add(devices, device(v, d));
	for (const struct uncharged *u = l->uncharged; u; u = u->next)
		if (uncharged_counts(u, model_now(v->model)) && shown(v, u->container))
			json_object_array_add(windows, uncharged(u, model_now(v->model)));
	json_add(obj, "watched", json_object_new_boolean(model_has_charges(v->model)));
	json_add(obj, "accounts", accounts);
	json_add(obj, "devices", devices);
	json_add(obj, "counters", counters);
	json_add(obj, "uncharged", windows);
	if (!counters) {
		json_object_put(obj);
		return NULL;
	}
	return obj;
}

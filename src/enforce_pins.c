// SPDX-License-Identifier: GPL-2.0-only
/*
 * enforce_pins.c - what enforce --pin does with the pins of its guard, and says of them (enforce_pins.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "enforce.h"
#include "enforce_pins.h"
#include "log.h"
#include "service.h"

#define LOOK_NS (2 * NSEC_PER_SEC)

struct pins_work {
	struct pins *pins;
	struct output *json; /* NULL: none */
	bool service, gone;
	__u64 looked, times_gone;
};

static int refuse(const char *folder, int err, const char *why)
{
	_cleanup_free_ char *shown = escape_text(folder, 4096);

	log_error("--pin=%s: %s", shown ?: "?", why);
	if (err == -EINVAL)
		log_hint("it has to be a folder in a bpffs that only its user can get into, or one that can be made there");
	return err == -EPERM || err == -EACCES || err == -EROFS ? EX_NOPERM : err == -EBUSY ? EX_UNAVAILABLE : EX_CANTCREAT;
}

int pins_work_new(struct pins_work **ret, const char *folder, bool service, struct output *json)
{
	struct pins_work *w;
	const char *why;
	int r;

	if (!folder)
		return EX_OK;
	w = calloc(1, sizeof(*w));
	if (!w) {
		log_error("out of memory");
		return EX_OSERR;
	}
	w->service = service;
	w->json = json;
	r = pins_open(&w->pins, folder, &why);
	if (r) {
		free(w);
		return refuse(folder, r, why);
	}
	*ret = w;
	return EX_OK;
}

/* What the rule protect is about. */
static void own(const struct pins_work *w, struct guard *g)
{
	int r = guard_own_folder(g, pins_fd(w->pins));

	if (r)
		log_warning("the rule protect does not cover the pins: %s", strerror(-r));
}

int pins_work_put(struct pins_work *w, struct guard *g)
{
	const char *why;
	int r = w ? pins_put(w->pins, g, &why) : 0;

	if (w && !r)
		own(w, g);
	return r ? refuse(pins_folder(w->pins), r, why) : EX_OK;
}

void pins_work_begin(struct pins_work *w)
{
	if (w && pins_take_over(w->pins))
		log_notice("What an earlier one left pinned guarded until now.");
}

static void tell(struct pins_work *w, const char *why)
{
	_cleanup_free_ char *folder = escape_text(pins_folder(w->pins), 4096);

	if (w->service)
		service_pins(why, folder ?: "?");
	else if (why)
		log_warning("pins in %s: %s; what is refused is refused on, but not if this process dies", folder ?: "?", why);
	else
		log_notice("Pinned again in %s.", folder ?: "?");
	if (w->json)
		enforce_pins_json(w->json, pins_folder(w->pins), why);
}

bool pins_work(struct pins_work *w, struct guard *g)
{
	const char *why, *ignored;
	__u64 now = now_ns();
	bool was_gone;

	if (!w || now < w->looked + LOOK_NS)
		return false;
	w->looked = now;
	was_gone = w->gone;
	why = pins_missing(w->pins);
	if (why && !was_gone) {
		w->times_gone++;
		tell(w, why);
	}
	w->gone = why && pins_renew(w->pins, g, &ignored);
	if (why && !w->gone)
		own(w, g);
	if (!w->gone && (why || was_gone))
		tell(w, NULL);
	return why || was_gone != w->gone;
}

void pins_work_free(struct pins_work *w, bool leave)
{
	if (!w)
		return;
	pins_close(w->pins, leave);
	free(w);
}

const char *pins_work_folder(const struct pins_work *w)
{
	return w ? pins_folder(w->pins) : NULL;
}

bool pins_work_are_gone(const struct pins_work *w)
{
	return w && w->gone;
}

__u64 pins_work_gone(const struct pins_work *w)
{
	return w ? w->times_gone : 0;
}

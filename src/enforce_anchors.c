// SPDX-License-Identifier: GPL-2.0-only
/*
 * enforce_anchors.c - are they there, what systemd has been given and the pins (enforce_anchors.h)?
 *
 * systemd does not answer whether it has taken a descriptor, or kept it. The kernel knows: a file has as many
 * references as there are descriptors of it, and if ours is the only one, nobody else has it, whoever took it away.
 */
#include "enforce_anchors.h"

#include <string.h>

#include "log.h"
#include "service.h"
#include "util.h"

#define LOOK_NS (2 * NSEC_PER_SEC)
#define TRIES 3 /* at each look; then seldom, as systemd complains of each that it does not take */
#define SELDOM 10

static bool no_pins(const struct anchors *a)
{
	return !a->pins || pins_work_are_gone(a->pins);
}

static bool look_at_store(struct anchors *a, const struct guard *g)
{
	bool was_gone = a->store_gone;
	int r = guard_links_shared(g);

	if (r < 0) {
		if (!a->unknown)
			log_warning("whether systemd keeps the descriptors it was given cannot be told: %s", strerror(-r));
		a->unknown = true;
		return false;
	}
	a->store_gone = !r;
	if (r) {
		a->had = true;
		a->tries = 0;
	} else if (++a->tries <= TRIES || !(a->tries % SELDOM)) {
		service_keep(g);
	}
	if (was_gone != a->store_gone)
		service_store(a->store_gone);
	return was_gone != a->store_gone;
}

/* NULL: all of it is there. */
static const char *what_is_gone(const struct anchors *a)
{
	if (a->store_gone)
		return no_pins(a) ? "nothing keeps it attached if its process dies" : "systemd does not keep its descriptors";
	return a->pins_wanted && no_pins(a) ? "pins are gone" : NULL;
}

bool anchors_look(struct anchors *a, struct guard *g)
{
	bool new = pins_work(a->pins, g);
	__u64 now = now_ns();

	if (a->service && now >= a->looked + LOOK_NS) {
		new |= look_at_store(a, g);
		a->looked = now;
	}
	a->had |= !no_pins(a);
	service_degraded(what_is_gone(a));
	return new;
}

bool anchors_lost(const struct anchors *a)
{
	return a->had && a->store_gone && a->tries > 1 && no_pins(a);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * enforce_anchors.h - between cmd_enforce.c and enforce_anchors.c: what keeps the guard attached if its process dies.
 */
#ifndef FDPIN_ENFORCE_ANCHORS_H
#define FDPIN_ENFORCE_ANCHORS_H

#include "enforce_pins.h"
#include "guard.h"

struct anchors {
	bool service;		/* systemd has been given the links */
	bool pins_wanted;
	struct pins_work *pins; /* NULL: none */
	__u64 looked;
	bool had;		/* there was one at some time */
	bool store_gone, unknown;
	unsigned int tries;	/* to give them to systemd again */
};

/* From time to time: what is gone is told, and made again. True if the status has something new to say. */
bool anchors_look(struct anchors *a, struct guard *g);
/* There was one, there is none, and none can be made: if the process died now, nothing would be refused. */
bool anchors_lost(const struct anchors *a);

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * recording.c - records in a file, and back.
 *
 * The format. All numbers in the byte order of the machine that wrote it:
 *
 *	offset	size
 *	0	8	"FDPINREC"
 *	8	4	0x01020304, to know the byte order
 *	12	4	version of this layout, RECORDING_VERSION
 *	16	4	FNV-1a of the schema block: schema_fingerprint() of the writer
 *	20	4	where the first record starts: 32 and the size of the schema block
 *	24	8	0
 *	32		the schema block, a multiple of 8 long, 64 KiB at most
 *			records as the schema block has them, each 8-byte aligned and a
 *			multiple of 8 long, in the order they came
 *	end		one record `end`: how many came before it, how many were lost
 *
 * The schema block is what bpf/events.h was when the file was written, in
 * words: lines of ASCII, words apart by one blank, newlines up to the multiple.
 *
 *	event NAME TYPE SIZE
 *	field NAME KIND OFFSET SIZE signed|unsigned
 *
 * A field belongs to the event above it, and lies behind the one above it: from
 * the end of the header to the end of the record there is no hole. The first
 * event is `header`, of type 0, with the fields every record starts with; of
 * these `size` (4 bytes) and `type` (2 bytes) come first in every version. KIND
 * is the word of bpf/events.h: COUNT, ADDR … NAME and KIND have 31 letters,
 * digits and _ at most, TYPE is below 256, a record has 64 KiB at most, all
 * events 2048 fields, and no name comes twice.
 *
 * Where the block is the reader's own, records are handed over as they are.
 * Where it is not, foreign.c makes them ours: events by name, fields by name.
 * A number of another size or sign is taken if its value fits, a string is cut
 * or padded, what the file lacks is 0, what we lack is left out. Records of an
 * event we lack, or of which a field is of another kind now, or with a number
 * that does not fit, are counted and told as one gap before the end. So a field
 * that is added has to mean "not known" when it is 0; values of a kind with
 * names keep their numbers; and a field that means something else than before
 * needs another name, or another kind.
 *
 * Another byte order, another version of the layout, no schema block, or one
 * whose header has no size and type as above: -EPROTO. A block that is not what
 * its fingerprint says or breaks a rule above: -EBADMSG.
 *
 * The bytes of a file are foreign. Reading goes through one buffer of fixed
 * size; each record is checked by record_decode() before anybody sees it. What
 * is missing at the end becomes a gap record, so that no verdict can take a
 * piece of a recording for the whole.
 */
#include "foreign.h"
#include "source.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORDING_MAGIC "FDPINREC"
#define RECORDING_ORDER 0x01020304u
#define RECORDING_VERSION 2
#define WRITE_BUFFER (256 * 1024)
#define READ_BUFFER (256 * 1024)

struct recording_head {
	char magic[8];
	__u32 order, version, fingerprint, size;
	__u64 zero;
};

_Static_assert(sizeof(struct recording_head) == 32, "size of the head");
_Static_assert(READ_BUFFER >= sizeof(struct recording_head) + SCHEMA_TEXT_MAX, "the schema block has to fit");
_Static_assert(READ_BUFFER >= FOREIGN_RECORD_MAX, "a record has to fit");

/* ---- writing ---------------------------------------------------------------- */

struct recording {
	int fd;
	bool is_stdout;
	bool created; /* the file was not there before */
	bool replace; /* it was, and still has what it had: that goes with the first bytes that leave the buffer */
	__u64 records, last_ts;
	int err; /* the first failure: nothing is written after it */
	size_t used;
	char buffer[WRITE_BUFFER];
};

static void replace_old(struct recording *rec)
{
	if (rec->replace && ftruncate(rec->fd, 0) && errno != EINVAL && !rec->err)
		rec->err = -errno; /* what is no file, a pipe say, has nothing to cut off */
	rec->replace = false;
}

static int write_buffer(struct recording *rec)
{
	replace_old(rec);
	for (size_t done = 0; done < rec->used && !rec->err;) {
		ssize_t n = write(rec->fd, rec->buffer + done, rec->used - done);

		if (n > 0)
			done += n;
		else if (!n || errno != EINTR)
			rec->err = n ? -errno : -EIO;
	}
	rec->used = 0;
	return rec->err;
}

/* len: at most WRITE_BUFFER. */
static int write_bytes(struct recording *rec, const void *data, size_t len)
{
	if (len > WRITE_BUFFER - rec->used && write_buffer(rec))
		return rec->err;
	memcpy(rec->buffer + rec->used, data, len);
	rec->used += len;
	return rec->err;
}

static int write_head(struct recording *rec)
{
	size_t len;
	const char *text = schema_text(&len);
	struct recording_head head = {
		.order = RECORDING_ORDER,
		.version = RECORDING_VERSION,
		.fingerprint = schema_fingerprint(),
		.size = sizeof(head) + len,
	};

	memcpy(head.magic, RECORDING_MAGIC, sizeof(head.magic));
	return write_bytes(rec, &head, sizeof(head)) ?: write_bytes(rec, text, len);
}

/* The file is evidence: nobody else reads it, and none that exists is replaced unless told so. */
static int open_output(struct recording *rec, const char *path, bool force)
{
	int flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW;

	rec->fd = open(path, flags | O_CREAT | O_EXCL, 0600);
	rec->created = rec->fd >= 0;
	if (rec->fd < 0 && errno == EEXIST && force) {
		rec->fd = open(path, flags);
		rec->replace = rec->fd >= 0;
	}
	return rec->fd < 0 ? -errno : 0;
}

int recording_create(struct recording **ret, const char *path, bool force)
{
	struct recording *rec = calloc(1, sizeof(*rec));
	int err = 0;

	if (!rec)
		return -ENOMEM;
	rec->is_stdout = !strcmp(path, "-");
	rec->fd = STDOUT_FILENO;
	if (!rec->is_stdout)
		err = open_output(rec, path, force);
	if (!err)
		err = write_head(rec);
	if (err) {
		free(rec);
		return err;
	}
	*ret = rec;
	return 0;
}

int recording_write(struct recording *rec, const struct record *r)
{
	int err;

	if (r->h->type == EV_end) /* of a recording that is copied; ours comes when we close */
		return rec->err;
	err = write_bytes(rec, r->h, r->ev->size);
	if (err)
		return err;
	rec->records++;
	rec->last_ts = r->h->ts_ns;
	return 0;
}

/* Not every place that can be written to can be synced: a pipe cannot, and need not. */
static int sync_data(struct recording *rec, int (*how)(int fd))
{
	if (how(rec->fd) && errno != EINVAL && errno != EROFS)
		rec->err = -errno;
	return rec->err;
}

int recording_flush(struct recording *rec, bool sync)
{
	int err = write_buffer(rec);

	return err || !sync ? err : sync_data(rec, fdatasync);
}

void recording_discard(struct recording *rec, const char *path)
{
	if (!rec->is_stdout)
		close(rec->fd);
	if (rec->created)
		unlink(path);
	free(rec);
}

int recording_close(struct recording *rec, __u64 lost)
{
	struct ev_end end = {
		.h = { .size = sizeof(end), .type = EV_end, .ts_ns = rec->last_ts },
		.records = rec->records,
		.lost = lost,
	};
	int err = write_bytes(rec, &end, sizeof(end)) ?: write_buffer(rec);

	if (!rec->is_stdout) {
		if (!err)
			err = sync_data(rec, fsync);
		if (close(rec->fd) && !err)
			err = -errno;
	}
	free(rec);
	return err;
}

/* ---- reading ---------------------------------------------------------------- */

struct replay {
	source_fn fn;
	void *ctx;
	__u64 offset; /* bytes consumed */
	__u64 records, last_ts;
	struct foreign *foreign; /* what makes records ours, NULL if they are */
	bool headed, ended, told;
};

static void replay_done(struct replay *p)
{
	foreign_free(p->foreign);
}

static int hand_gap(struct replay *p, const char *what, const char *why)
{
	struct ev_gap gap = { .h = { .size = sizeof(gap), .type = EV_gap, .ts_ns = p->last_ts } };
	struct record r;

	snprintf(gap.what, sizeof(gap.what), "%s", what);
	snprintf(gap.why, sizeof(gap.why), "%s", why);
	if (record_decode(&gap, sizeof(gap), &r) < 0)
		return -EINVAL;
	return p->fn(p->ctx, &r);
}

/* Once, when no record can come any more: what this version could not make its own. */
static int tell_unknown(struct replay *p)
{
	__u64 n = p->foreign && !p->told ? foreign_unknown(p->foreign) : 0;
	char why[sizeof(((struct ev_gap *)0)->why)];
	int len;

	p->told = true;
	if (!n)
		return 0;
	len = snprintf(why, sizeof(why), "%" PRIu64 " records of kinds this version does not know: ", (uint64_t)n);
	foreign_unknown_names(p->foreign, why + len, sizeof(why) - len);
	return hand_gap(p, "part of the recording", why);
}

static int bad_bytes(struct replay *p)
{
	char why[sizeof(((struct ev_gap *)0)->why)];
	int err = tell_unknown(p);

	if (err)
		return err;
	snprintf(why, sizeof(why), "the recording has bad bytes at offset %" PRIu64, (uint64_t)p->offset);
	err = hand_gap(p, "the rest of the recording", why);
	return err ? err : -EBADMSG;
}

/* What the records look like: as ours, or as foreign.c is told. */
static int take_schema(struct replay *p, const struct recording_head *head, const unsigned char *block, size_t len)
{
	size_t own_len;
	const char *own = schema_text(&own_len);

	if (schema_hash(block, len) != head->fingerprint)
		return -EBADMSG;
	if (len == own_len && !memcmp(block, own, len))
		return 0;
	return foreign_new(&p->foreign, block, len);
}

/* Bytes used, 0 if more are needed, or -errno. */
static int take_head(struct replay *p, const unsigned char *data, size_t len)
{
	struct recording_head head;
	int err;

	if (memcmp(data, RECORDING_MAGIC, len < sizeof(head.magic) ? len : sizeof(head.magic)))
		return -ENODATA;
	if (len < sizeof(head))
		return 0;
	memcpy(&head, data, sizeof(head));
	if (head.order != RECORDING_ORDER || head.version != RECORDING_VERSION || head.size == sizeof(head))
		return -EPROTO;
	if (head.size < sizeof(head) || head.size % 8 || head.size > sizeof(head) + SCHEMA_TEXT_MAX)
		return -EBADMSG;
	if (len < head.size)
		return 0;
	err = take_schema(p, &head, data + sizeof(head), head.size - sizeof(head));
	if (err)
		return err;
	p->headed = true;
	return (int)head.size;
}

/* The end says how many records there were: fewer may have been cut out of the middle. */
static int check_end(struct replay *p, const struct ev_end *end)
{
	char why[sizeof(((struct ev_gap *)0)->why)];
	int err = tell_unknown(p);

	p->ended = true;
	if (err || end->records == p->records)
		return err;
	snprintf(why, sizeof(why), "the recording should have %" PRIu64 " records but has %" PRIu64,
		 (uint64_t)end->records, (uint64_t)p->records);
	return hand_gap(p, "part of the recording", why);
}

/* Size of the record that starts so; 0: there is none. */
static unsigned int size_of(const struct replay *p, const struct fdpin_hdr *h)
{
	const struct event *ev = p->foreign ? NULL : schema_event(h->type);
	unsigned int size = p->foreign ? foreign_size(p->foreign, h->type) : ev ? ev->size : 0;

	return h->size == size ? size : 0;
}

/* Bytes used, 0 if more are needed, or -errno. What fn returned, if that is not 0, goes to *ret_stop. */
static int take_record(struct replay *p, const unsigned char *data, size_t len, int *ret_stop)
{
	const struct fdpin_hdr *h = (const void *)data;
	const void *own = data;
	unsigned int size;
	struct record r;

	if (p->ended)
		return -EBADMSG; /* nothing may follow the end */
	if (len < offsetof(struct fdpin_hdr, ts_ns)) /* size and type come first in every version */
		return 0;
	size = size_of(p, h);
	if (!size)
		return -EBADMSG;
	if (len < size)
		return 0;
	if (p->foreign)
		own = foreign_convert(p->foreign, data);
	if (own) {
		h = own;
		if (record_decode(own, p->foreign ? h->size : len, &r) < 0)
			return -EBADMSG;
		p->last_ts = h->ts_ns;
		*ret_stop = h->type == EV_end ? check_end(p, own) : 0;
		if (!*ret_stop)
			*ret_stop = p->fn(p->ctx, &r);
	}
	p->records++;
	return (int)size;
}

/* As much as can be used of bytes that are 8-byte aligned. 0, or what ends the replay. */
static int feed(struct replay *p, const unsigned char *data, size_t len, size_t *ret_used)
{
	size_t at = 0;

	while (at < len) {
		int stop = 0,
		    used = p->headed ? take_record(p, data + at, len - at, &stop) : take_head(p, data + at, len - at);

		if (used == -EBADMSG)
			return bad_bytes(p);
		if (used < 0)
			return used;
		if (!used)
			break;
		at += used;
		p->offset += used;
		if (stop)
			return stop;
	}
	*ret_used = at;
	return 0;
}

static int finish(struct replay *p, size_t left)
{
	int err;

	if (!p->headed)
		return left < sizeof(struct recording_head) ? -ENODATA : bad_bytes(p);
	err = tell_unknown(p);
	if (err)
		return err;
	if (left)
		return hand_gap(p, "the end of the recording", "it is cut off in the middle of a record");
	if (!p->ended)
		return hand_gap(p, "the end of the recording",
				"it has no end record: it is cut off, or its writer was killed");
	return 0;
}

int replay_memory(const void *data, size_t len, source_fn fn, void *ctx)
{
	_cleanup_(replay_done) struct replay p = { .fn = fn, .ctx = ctx };
	_cleanup_free_ unsigned char *copy = NULL;
	size_t used = 0;
	int err;

	if ((uintptr_t)data % 8) {
		copy = malloc(len);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, data, len);
		data = copy;
	}
	err = feed(&p, data, len, &used);
	return err ? err : finish(&p, len - used);
}

static int replay_fd(int fd, source_fn fn, void *ctx)
{
	_cleanup_(replay_done) struct replay p = { .fn = fn, .ctx = ctx };
	_cleanup_free_ unsigned char *buf = malloc(READ_BUFFER);
	size_t have = 0;

	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, buf + have, READ_BUFFER - have);
		size_t used = 0;
		int err;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return finish(&p, have);
		have += n;
		err = feed(&p, buf, have, &used);
		if (err)
			return err;
		have -= used;
		memmove(buf, buf + used, have);
	}
}

int replay_file(const char *path, source_fn fn, void *ctx)
{
	_cleanup_close_ int fd = -1;

	if (!strcmp(path, "-"))
		return replay_fd(STDIN_FILENO, fn, ctx);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return replay_fd(fd, fn, ctx);
}

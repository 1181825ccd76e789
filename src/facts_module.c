// SPDX-License-Identifier: GPL-2.0-only
/*
 * facts_module.c - modules: which are there, and the words in the code of the
 * type1 driver (facts.h).
 *
 * A module's file says what the module does only if it is the file that was
 * loaded. Both have a hash of their sources (srcversion) and mostly a build id:
 * what both have must be the same, and one of them must be there.
 */
#include "facts.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#ifdef HAVE_LIBDW
#include <elfutils/libdwelf.h>
#endif

#include "probe.h"
#include "util.h"

#define TYPE1 "vfio_iommu_type1"
#define GUARD_TEXT "not allowed with VFIO_UPDATE_VADDR"
#define NOTE_MAX 256

/* ---- which are there ------------------------------------------------------------------ */

/* Is a path as depmod writes it that of this module? kernel/drivers/vfio/vfio-x.ko.xz is vfio_x. */
static bool is_module_path(const char *path, size_t len, const char *name)
{
	const char *base = memrchr(path, '/', len);
	size_t n = strlen(name);

	base = base ? base + 1 : path;
	if ((size_t)(path + len - base) < n + 3 || strncmp(base + n, ".ko", 3))
		return false;
	for (size_t i = 0; i < n; i++)
		if (base[i] != name[i] && !(base[i] == '-' && name[i] == '_'))
			return false;
	return true;
}

/* Looks in modules.dep or modules.builtin: 1 and *ret_path, 0 if it is not in there, or -errno. */
static int find_in(const char *release, const char *list, const char *name, char *ret_path, size_t size)
{
	char *line = NULL;
	size_t room = 0;
	int found = 0;
	char file[160];
	FILE *f;

	snprintf(file, sizeof(file), "/lib/modules/%s/%s", release, list);
	f = fopen(file, "re");
	if (!f)
		return -errno;
	while (!found && getline(&line, &room, f) > 0) {
		size_t len = strcspn(line, ":\n");

		if (!is_module_path(line, len, name))
			continue;
		found = 1;
		if (line[0] == '/')
			snprintf(ret_path, size, "%.*s", (int)len, line);
		else
			snprintf(ret_path, size, "/lib/modules/%s/%.*s", release, (int)len, line);
	}
	free(line);
	fclose(f);
	return found;
}

static bool is_loaded(const char *name, char *srcversion, size_t size)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/module/%s/srcversion", name);
	read_line(path, srcversion, size);
	/* a module that is built in has no such file */
	snprintf(path, sizeof(path), "/sys/module/%s/initstate", name);
	return !access(path, F_OK);
}

static bool is_built_in(struct types *types, const char *release, const char *name, const char *marker)
{
	char path[WHY_MAX];

	if (types && probe_struct(types, "vmlinux", marker))
		return true;
	return find_in(release, "modules.builtin", name, path, sizeof(path)) == 1;
}

void facts_module(struct module_facts *m, struct types *types, const char *release, const char *name,
		  const char *marker)
{
	char path[WHY_MAX];
	int found;

	if (is_loaded(name, m->srcversion, sizeof(m->srcversion))) {
		m->presence = PRESENCE_LOADED;
		return;
	}
	if (is_built_in(types, release, name, marker)) {
		m->presence = PRESENCE_BUILT_IN;
		return;
	}
	found = find_in(release, "modules.dep", name, path, sizeof(path));
	if (found < 0 || access("/sys/module", F_OK))
		m->presence = PRESENCE_NOT_KNOWN;
	else
		m->presence = found ? PRESENCE_NOT_LOADED : PRESENCE_NONE;
}

/* ---- the file of the type1 driver --------------------------------------------------------- */

static Elf *open_elf(int fd)
{
	if (elf_version(EV_CURRENT) == EV_NONE)
		return NULL;
#ifdef HAVE_LIBDW
	/* compressed as it may be */
	return dwelf_elf_begin(fd);
#else
	return elf_begin(fd, ELF_C_READ_MMAP, NULL);
#endif
}

static Elf_Data *section(Elf *elf, const char *name)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *here = gelf_getshdr(scn, &shdr) ? elf_strptr(elf, names, shdr.sh_name) : NULL;

		if (here && !strcmp(here, name))
			return elf_rawdata(scn, NULL);
	}
	return NULL;
}

/* A field of .modinfo, which is strings one after the other; NULL if there is none. */
static const char *modinfo(Elf *elf, const char *key)
{
	const Elf_Data *data = section(elf, ".modinfo");
	size_t len = strlen(key);

	if (!data || !data->d_buf || !data->d_size || ((const char *)data->d_buf)[data->d_size - 1])
		return NULL;
	for (const char *p = data->d_buf, *end = p + data->d_size; p < end; p += strlen(p) + 1)
		if (!strncmp(p, key, len) && p[len] == '=')
			return p + len + 1;
	return NULL;
}

/* Same build id: KNOWN_YES, KNOWN_NO; NOT_KNOWN if one of them has none. */
static enum known same_build(Elf *elf)
{
	_cleanup_close_ int fd = open("/sys/module/" TYPE1 "/notes/.note.gnu.build-id", O_RDONLY | O_CLOEXEC);
	const Elf_Data *data = section(elf, ".note.gnu.build-id");
	char loaded[NOTE_MAX];
	ssize_t n;

	if (fd < 0 || !data || !data->d_buf)
		return NOT_KNOWN;
	n = read(fd, loaded, sizeof(loaded));
	return n <= 0 ? NOT_KNOWN : known((size_t)n == data->d_size && !memcmp(loaded, data->d_buf, n));
}

/* Is the file what was loaded? */
static struct fact is_what_runs(const struct facts *f, Elf *elf)
{
	const char *srcversion = modinfo(elf, "srcversion");
	enum known build = same_build(elf);
	struct fact same = {};

	if (srcversion && f->type1.srcversion[0] && strcmp(srcversion, f->type1.srcversion))
		fact_set(&same, KNOWN_NO, "its srcversion is %.40s, that of the loaded module %s", srcversion,
			 f->type1.srcversion);
	else if (build == KNOWN_NO)
		fact_set(&same, KNOWN_NO, "its build id is not that of the loaded module");
	else if (srcversion && f->type1.srcversion[0])
		fact_set(&same, KNOWN_YES, "its srcversion%s that of the loaded module",
			 build == KNOWN_YES ? " and build id are" : " is");
	else if (build == KNOWN_YES)
		fact_set(&same, KNOWN_YES, "its build id is that of the loaded module");
	else
		fact_set(&same, NOT_KNOWN, "neither srcversion nor build id tells whether it is what was loaded");
	return same;
}

static void look_into(struct facts *f, Elf *elf)
{
	struct fact same;
	size_t size = 0;
	char *image;

	image = elf && elf_kind(elf) == ELF_K_ELF ? elf_rawfile(elf, &size) : NULL;
	if (!image) {
		fact_set(&f->guard_text, NOT_KNOWN, "it cannot be read as a module%s",
#ifdef HAVE_LIBDW
			 ""
#else
			 " (compressed? this fdpin-trace is built without libdw)"
#endif
		);
		return;
	}
	same = is_what_runs(f, elf);
	if (same.is == KNOWN_YES)
		f->guard_text.is = known(memmem(image, size, GUARD_TEXT, strlen(GUARD_TEXT)));
	else
		f->guard_text.is = NOT_KNOWN;
	memcpy(f->guard_text.why, same.why, sizeof(same.why));
}

static void look_at_file(struct facts *f)
{
	_cleanup_close_ int fd = -1;
	Elf *elf;
	int r;

	if (f->type1.presence != PRESENCE_LOADED) {
		fact_set(&f->guard_text, NOT_KNOWN, "%s",
			 f->type1.presence == PRESENCE_BUILT_IN ? "it is built in, so there is no file to look into" :
								  "it is not loaded");
		return;
	}
	r = find_in(f->release, "modules.dep", TYPE1, f->type1_file, sizeof(f->type1_file));
	if (r <= 0) {
		fact_set(&f->guard_text, NOT_KNOWN, "its file is not in /lib/modules%s%s", r ? ": " : "",
			 r ? strerror(-r) : "");
		return;
	}
	fd = open(f->type1_file, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fact_set(&f->guard_text, NOT_KNOWN, "its file cannot be opened: %s", strerror(errno));
		return;
	}
	elf = open_elf(fd);
	look_into(f, elf);
	elf_end(elf);
}

void facts_guard_text(struct facts *f, struct types *types)
{
	int found;

	look_at_file(f);
	if (f->guard_text.is != NOT_KNOWN || f->type1.presence != PRESENCE_LOADED || !types)
		return;
	found = facts_module_has(types, GUARD_TEXT);
	f->guard_in_memory = found >= 0;
	if (f->guard_in_memory)
		f->guard_text.is = known(found);
}

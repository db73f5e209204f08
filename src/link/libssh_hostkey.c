/* SPDX-License-Identifier: ISC */

/*
 * The machine's key in a libssh session.
 *
 * libssh has an opinion on known_hosts too, and it is not asked: it does not
 * know @revoked.  It is given no file to read, and ours (known_hosts.h) are
 * read before anything is told to the machine but that we would like to talk.
 * For the same reason it is told which types of keys to ask for: one that is
 * known must not look unknown because the machine has a second one.
 *
 * A key that somebody said yes to is one line, written by one call at the end
 * of the user's first file: others may be writing there at the same time.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/sha256.h"
#include "core/text.h"
#include "link/hostkey.h"
#include "link/known_hosts.h"
#include "machine/machine.h"

#include "link/libssh_parts.h"

#define MAX_FILE (16u << 20)
#define MAX_KEY 65536

/* What libssh can do, best first; what is known comes before. */
static const char all_types[] =
    "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,"
    "rsa-sha2-512,rsa-sha2-256";

/* Call `each' with every file of known keys; stops when it returns true. */
static bool
for_each_file(struct session *s,
	      bool (*each)(struct session *, const char *path,
			   const struct buf *text, void *owner),
	      void *owner)
{
	char **const lists[] = { s->resolved.known_hosts,
				 s->resolved.global_known_hosts };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (char **p = lists[i]; p && *p; p++) {
			AUTO_FREE char *path = session_path(s, *p);
			AUTO_BUF text = BUF_INIT(MAX_FILE);
			struct err err = ERR_INIT;

			if (fs_read_file(AT_FDCWD, path, &text, &err) == 0 &&
			    each(s, path, &text, owner))
				return true;
		}
	}
	return false;
}

static bool
add_types(struct session *s, const char *path UNUSED, const struct buf *text,
	  void *owner)
{
	known_hosts_types(buf_text(text), text->len, s->host, owner);
	return false;
}

/* The words of `from', with a key's type as the names of its signatures. */
static void
add_preferred(struct buf *out, const struct buf *from)
{
	AUTO_FREE char *copy = xstrndup(buf_text(from), from->len);
	char *rest = copy, *type;

	while ((type = strsep(&rest, ","))) {
		if (str_eq(type, "ssh-rsa"))
			(void)buf_adds(out, "rsa-sha2-512,rsa-sha2-256,");
		else if (*type && strstr(all_types, type))
			(void)buf_addf(out, "%s,", type);
	}
}

void
hostkey_prefer_known(struct session *s)
{
	AUTO_BUF known = BUF_INIT(MAX_FILE), list = BUF_INIT(MAX_FILE);

	(void)for_each_file(s, add_types, &known);
	add_preferred(&list, &known);
	(void)buf_adds(&list, all_types);
	(void)libssh.ssh_options_set(s->ssh, SSH_OPTIONS_HOSTKEYS,
				     buf_text(&list));
}

/* The key in base64 begins with the name of its type. */
static int
read_key(struct session *s, char fingerprint[64], struct err *err)
{
	AUTO_BUF blob = BUF_INIT(MAX_KEY), print = BUF_INIT(64);
	uint8_t hash[SHA256_SIZE];
	ssh_key key = NULL;
	char *text = NULL;
	const uint8_t *b;
	size_t n = 0;

	if (libssh.ssh_get_server_publickey(s->ssh, &key) == SSH_OK)
		(void)libssh.ssh_pki_export_pubkey_base64(key, &text);
	libssh.ssh_key_free(key);
	if (text == NULL || base64_decode(&blob, text, strlen(text)) < 0)
		return err_set(err, ERR_PROTO, "the machine has no host key");
	s->key = xstrdup(text);
	libssh.ssh_string_free_char(text);
	b = buf_bytes(&blob);
	if (blob.len > 4)
		n = (size_t)b[2] << 8 | b[3];
	if (n == 0 || n > blob.len - 4)
		return err_set(err, ERR_PROTO, "the host key is malformed");
	s->key_type = xstrndup((const char *)b + 4, n);

	sha256(b, blob.len, hash);
	(void)base64_add(&print, hash, sizeof(hash));
	snprintf(fingerprint, 64, "SHA256:%.*s",
		 (int)strcspn(buf_text(&print), "="), buf_text(&print));
	return 0;
}

struct search {
	struct known_answer answer;
	char *file; /* that decided */
};

static bool
check_file(struct session *s, const char *path, const struct buf *text,
	   void *owner)
{
	struct search *search = owner;
	struct known_answer before = search->answer;

	known_hosts_check(buf_text(text), text->len, s->host, s->key_type,
			  s->key, &search->answer);
	if (search->answer.verdict != before.verdict) {
		free(search->file);
		search->file = xstrdup(path);
	}
	return false;
}

static int
ask(struct session *s, const char *fingerprint, const struct err *if_nobody)
{
	AUTO_FREE char *text = xasprintf(
	    "The authenticity of host '%s' can't be established.\n"
	    "%s key fingerprint is %s.\n"
	    "Are you sure you want to continue connecting?",
	    s->host, s->key_type, fingerprint);
	const struct prompt prompt = {
		.kind = PROMPT_HOST_KEY,
		.text = text,
		.fingerprint = fingerprint,
		.echo = true,
	};

	session_ask(s, &prompt, if_nobody);
	return 0;
}

/*
 * libssh asks for no certificates of hosts, and cannot check one.  To ask a
 * person about the plain key would be less than what is configured.
 */
static int
refuse_authority(const struct session *s, struct err *err)
{
	err_set(err, ERR_UNSUPPORTED,
		"%s is known by the authority that certifies its key, and "
		"transport libssh checks no certificates of hosts",
		s->host);
	return session_hint_openssh(s, err);
}

int
hostkey_check(struct session *s, struct err *err)
{
	struct search search = { .file = NULL };
	AUTO_FREE char *file = NULL;
	char fingerprint[64];
	struct hostkey_facts facts = {
		.machine = s->config.machine->name,
		.host = s->host,
		.fingerprint = fingerprint,
	};

	if (read_key(s, fingerprint, err) < 0)
		return -1;
	(void)for_each_file(s, check_file, &search);
	file = search.file;
	facts.file = file;
	facts.line = search.answer.line;
	switch (search.answer.verdict) {
	case KNOWN_GOOD:
		return 1;
	case KNOWN_REVOKED:
		return hostkey_error(HOSTKEY_REVOKED, &facts, err);
	case KNOWN_CHANGED:
		return hostkey_error(HOSTKEY_CHANGED, &facts, err);
	case KNOWN_UNKNOWN:
		break;
	}
	if (search.answer.has_authority)
		return refuse_authority(s, err);
	hostkey_error(HOSTKEY_UNKNOWN, &facts, err);
	if (s->resolved.is_strict)
		return -1;
	return ask(s, fingerprint, err);
}

/* A line of its own, whatever the file ends with. */
static int
append(const char *path, const struct buf *line, struct err *err)
{
	AUTO_CLOSE int fd = open(
	    path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	AUTO_BUF text = BUF_INIT(MAX_KEY + 1024);
	struct stat st;
	char last = '\n';

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open %s", path);
	if (st.st_size > 0)
		(void)pread_full(fd, &last, 1, (uint64_t)st.st_size - 1);
	(void)buf_adds(&text, last == '\n' ? "" : "\n");
	(void)buf_add(&text, buf_bytes(line), line->len);
	if (write_full(fd, buf_bytes(&text), text.len) < 0)
		return err_sys(err, "write to %s", path);
	return 0;
}

static int
remember(struct session *s, struct err *err)
{
	AUTO_BUF line = BUF_INIT(MAX_KEY);
	AUTO_FREE char *path = NULL;
	char *slash;

	if (s->resolved.known_hosts == NULL)
		return 0;
	path = session_path(s, s->resolved.known_hosts[0]);
	if (str_eq(path, "/dev/null"))
		return 0;
	slash = strrchr(path, '/');
	if (slash && slash != path) {
		*slash = '\0';
		if (fs_mkdir_parents(path, err) < 0)
			return -1;
		*slash = '/';
	}
	known_hosts_line(&line, s->host, s->key_type, s->key,
			 s->resolved.hashes_names);
	return append(path, &line, err);
}

int
hostkey_answered(struct session *s, struct err *err)
{
	AUTO_BUF blob = BUF_INIT(MAX_KEY), print = BUF_INIT(64);
	uint8_t hash[SHA256_SIZE];
	char fingerprint[64];
	bool is_yes;

	(void)base64_decode(&blob, s->key, strlen(s->key));
	sha256(buf_bytes(&blob), blob.len, hash);
	(void)base64_add(&print, hash, sizeof(hash));
	snprintf(fingerprint, sizeof(fingerprint), "SHA256:%.*s",
		 (int)strcspn(buf_text(&print), "="), buf_text(&print));
	is_yes = str_eq(s->answer, "yes") || str_eq(s->answer, fingerprint);
	session_wipe_answer(s);
	if (is_yes)
		return remember(s, err) < 0 ? -1 : 1;
	*err = s->why;
	return -1;
}

/* SPDX-License-Identifier: ISC */

/*
 * Public keys and certificates; see key.h.
 *
 * The formats are those of RFC 4253 6.6 and of OpenSSH's PROTOCOL.certkeys.  A
 * certificate has a nonce, then the fields of its key, then what was signed;
 * how many fields a key has depends on its type and stands in a table.
 */

#include <string.h>

#include "berthd/login/key.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/sha256.h"
#include "core/strv.h"
#include "core/text.h"

#define MAX_BLOB (64u << 10)
#define CERT_SUFFIX "-cert-v01@openssh.com"

struct wire {
	const uint8_t *at;
	size_t left;
	bool bad; /* sticky */
};

struct field {
	const uint8_t *bytes;
	size_t n;
};

static const struct {
	const char *cert;
	const char *plain;
	unsigned n_fields;
} certs[] = {
	{ "ssh-rsa" CERT_SUFFIX, "ssh-rsa", 2 },
	{ "rsa-sha2-256" CERT_SUFFIX, "ssh-rsa", 2 },
	{ "rsa-sha2-512" CERT_SUFFIX, "ssh-rsa", 2 },
	{ "ssh-ed25519" CERT_SUFFIX, "ssh-ed25519", 1 },
	{ "ecdsa-sha2-nistp256" CERT_SUFFIX, "ecdsa-sha2-nistp256", 2 },
	{ "ecdsa-sha2-nistp384" CERT_SUFFIX, "ecdsa-sha2-nistp384", 2 },
	{ "ecdsa-sha2-nistp521" CERT_SUFFIX, "ecdsa-sha2-nistp521", 2 },
	{ "sk-ssh-ed25519" CERT_SUFFIX, "sk-ssh-ed25519@openssh.com", 2 },
	{ "sk-ecdsa-sha2-nistp256" CERT_SUFFIX,
	  "sk-ecdsa-sha2-nistp256@openssh.com", 3 },
};

static uint32_t
take_u32(struct wire *w)
{
	uint32_t n;

	if (w->left < 4) {
		w->bad = true;
		return 0;
	}
	n = (uint32_t)w->at[0] << 24 | (uint32_t)w->at[1] << 16 |
	    (uint32_t)w->at[2] << 8 | w->at[3];
	w->at += 4;
	w->left -= 4;
	return n;
}

static struct field
take_field(struct wire *w)
{
	struct field field = { .n = take_u32(w) };

	if (w->bad || field.n > w->left) {
		w->bad = true;
		return (struct field){ 0 };
	}
	field.bytes = w->at;
	w->at += field.n;
	w->left -= field.n;
	return field;
}

static char *
field_text(struct field field)
{
	return xstrndup(field.n ? (const char *)field.bytes : "", field.n);
}

static int
put_field(struct buf *out, const void *bytes, size_t n)
{
	const uint8_t head[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16),
				  (uint8_t)(n >> 8), (uint8_t)n };

	return buf_add(out, head, 4) < 0 || buf_add(out, bytes, n) < 0 ? -1 : 0;
}

static void
set_fingerprint(struct key *key, const void *blob, size_t n)
{
	AUTO_BUF text = BUF_INIT(128);
	uint8_t digest[SHA256_SIZE];

	sha256(blob, n, digest);
	(void)buf_adds(&text, "SHA256:");
	(void)base64_add(&text, digest, sizeof(digest));
	key->fingerprint = xstrndup(buf_text(&text),
				    strcspn(buf_text(&text), "="));
}

/* After the key: serial, type, id, principals (a list inside a field). */
static void
take_names(struct key *key, struct wire *w)
{
	struct field principals;
	struct wire list;

	(void)take_u32(w);
	(void)take_u32(w);
	(void)take_u32(w);
	key->cert_id = field_text(take_field(w));
	principals = take_field(w);
	list = (struct wire){ .at = principals.bytes, .left = principals.n };
	while (list.left > 0 && !list.bad) {
		struct field name = take_field(&list);

		if (!list.bad)
			strv_give(&key->principals, field_text(name));
	}
	w->bad = w->bad || list.bad;
}

/* The plain key inside a certificate is put together again. */
static int
take_cert(struct key *key, struct wire *w, const char *plain, unsigned n_fields)
{
	AUTO_BUF blob = BUF_INIT(MAX_BLOB);
	AUTO_BUF text = BUF_INIT(2 * MAX_BLOB);

	(void)take_field(w); /* the nonce */
	(void)put_field(&blob, plain, strlen(plain));
	for (unsigned i = 0; i < n_fields; i++) {
		struct field field = take_field(w);

		if (w->bad || put_field(&blob, field.bytes, field.n) < 0)
			return -1;
	}
	take_names(key, w);
	if (w->bad)
		return -1;
	set_fingerprint(key, buf_bytes(&blob), blob.len);
	(void)base64_add(&text, buf_bytes(&blob), blob.len);
	key->blob = buf_take(&text);
	key->type = xstrdup(plain);
	return 0;
}

static int
take_blob(struct key *key, const char *type, const char *base64)
{
	AUTO_BUF blob = BUF_INIT(MAX_BLOB);
	struct wire w;
	struct field name;

	if (base64_decode(&blob, base64, strlen(base64)) < 0)
		return -1;
	w = (struct wire){ .at = buf_bytes(&blob), .left = blob.len };
	name = take_field(&w);
	if (w.bad || name.n != strlen(type) ||
	    memcmp(name.bytes, type, name.n) != 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(certs); i++) {
		if (str_eq(certs[i].cert, type))
			return take_cert(key, &w, certs[i].plain,
					 certs[i].n_fields);
	}
	set_fingerprint(key, buf_bytes(&blob), blob.len);
	key->type = xstrdup(type);
	key->blob = xstrdup(base64);
	return 0;
}

/* "publickey TYPE BASE64": the last such line is what completed the login. */
int
key_decode(struct key *ret, const char *text, struct err *err)
{
	static const char method[] = "publickey ";
	const char *found = NULL;
	AUTO_FREE char *type = NULL, *base64 = NULL;

	*ret = (struct key){ 0 };
	for (; text && *text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (str_starts(text, method))
			found = text + strlen(method);
	}
	if (found == NULL)
		return 0;
	type = xstrndup(found, strcspn(found, " \n"));
	found += strlen(type);
	found += *found == ' ';
	base64 = xstrndup(found, strcspn(found, " \n"));
	if (take_blob(ret, type, base64) == 0)
		return 0;
	key_fini(ret);
	return err_set(err, ERR_INVALID,
		       "the public key that sshd names is none");
}

void
key_fini(struct key *key)
{
	free(key->fingerprint);
	free(key->type);
	free(key->blob);
	free(key->comment);
	free(key->cert_id);
	strv_free(key->principals);
	*key = (struct key){ 0 };
}

/* "[OPTIONS] TYPE BASE64 COMMENT"; options may hold spaces in quotes. */
void
key_find_comment(struct key *key, const char *authorized_keys)
{
	AUTO_FREE char *wanted = NULL;
	const char *at = authorized_keys;
	size_t n;

	if (key->blob == NULL || key->comment)
		return;
	wanted = xasprintf("%s %s", key->type, key->blob);
	n = strlen(wanted);
	while ((at = strstr(at, wanted)) != NULL) {
		const char *line = at;

		while (line > authorized_keys && line[-1] != '\n')
			line--;
		line += strspn(line, " \t");
		at += n;
		if (*line == '#' || strchr(" \t", *at) == NULL || *at == '\0')
			continue;
		at += strspn(at, " \t");
		key->comment = xstrndup(at, strcspn(at, "\r\n"));
		return;
	}
}

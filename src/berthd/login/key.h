/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_KEY_H
#define BERTHD_LOGIN_KEY_H

/*
 * The key that somebody logged in with, as sshd tells it.
 *
 * With `ExposeAuthInfo yes' sshd names a file in SSH_USER_AUTH that holds the
 * public key.  From it come the fingerprint as ssh-keygen -l prints it, the
 * principals and the id of a certificate (whose fingerprint is that of the key
 * inside), and from authorized_keys the comment behind the same key.
 */

#include <stddef.h>

#include "core/err.h"

struct key {
	char *fingerprint; /* "SHA256:..."; NULL: sshd did not say */
	char *type;	   /* "ssh-ed25519" */
	char *blob;	   /* the key in base64, as in authorized_keys */
	char *comment;	   /* from authorized_keys; NULL: none */
	char *cert_id;	   /* of a certificate; NULL: it is none */
	char **principals; /* of a certificate, a strv */
};

/*
 * The text of the file that SSH_USER_AUTH names.  Lines that are no public key
 * (a password, say) are passed over; a key that is none is ERR_INVALID.
 */
int key_decode(struct key *ret, const char *text, struct err *err);
void key_fini(struct key *key);

/* Find the comment of this key in the text of an authorized_keys file. */
void key_find_comment(struct key *key, const char *authorized_keys);

#endif

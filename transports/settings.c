/* SPDX-License-Identifier: PostgreSQL */
/* settings.c - see transport_settings.h. */
#include <stddef.h>

#include "transport_settings.h"

const struct transport_setting transport_settings[] = {
	{ "sftp.user", "NAME", false,
	    "user to log in as, when the URL names none" },
	{ "sftp.key-file", "FILE", false,
	    "private key; default ~/.ssh/id_ed25519, id_ecdsa, id_rsa" },
	{ "sftp.key-passphrase", NULL, true, "passphrase of the private key" },
	{ "sftp.password", NULL, true, "password, tried when no key is taken" },
	{ "sftp.known-hosts", "FILE", false,
	    "host keys to trust; default ~/.ssh/known_hosts" },
	{ "sftp.connections", "N", false, "connections at once; default 4" },
	{ "sftp.connect-timeout", "SECONDS", false,
	    "how long connecting may take; default 30" },
	{ "sftp.timeout", "SECONDS", false,
	    "how long a server may be silent; default 60" },
	{ "s3.endpoint", "URL", false,
	    "server, as https://s3.example.org; default AWS" },
	{ "s3.region", "NAME", false, "region; default from the AWS settings" },
	{ "s3.style", "auto|path|virtual", false,
	    "where the bucket's name goes" },
	{ "s3.ca-file", "FILE", false, "certificates to trust" },
	{ "s3.profile", "NAME", false, "profile in the AWS files" },
	{ "s3.storage-class", "CLASS", false, "storage class of data packs" },
	{ "s3.object-lock-mode", "governance|compliance", false,
	    "lock what is put against deletion" },
	{ "s3.object-lock-days", "N", false, "for how many days" },
	{ "s3.insecure", "yes", false, "allow http:// to other machines" },
	{ "s3.create-bucket", "yes", false, "let init make the bucket" },
	{ "b2.key-id", "ID", false, "application key's id" },
	{ "b2.key", NULL, true, "application key" },
	{ "b2.realm", "URL", false, "where to authorise; default Backblaze" },
	{ "b2.ca-file", "FILE", false, "certificates to trust" },
	{ "b2.insecure", "yes", false, "allow http:// to other machines" },
	{ NULL, NULL, false, NULL },
};

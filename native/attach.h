/* The monitor's clients: who attached, and what they have not taken yet. */
#ifndef KOBAKO_ATTACH_H
#define KOBAKO_ATTACH_H

#include "sys.h"

#define MAX_CLIENTS 64
#define REQUEST_MAX 4096
#define MANY_PENDING (256u << 10)
#define SPILL_MAX ((int64_t)1 << 30) /* a client that is further behind is let go */
#define SPILL_PUNCH (1 << 20)         /* what has been taken is given back to the disk in such pieces */

struct client {
  int fd; /* -1: this place is free */
  bool attached, wants_in, in_ended, wants[2], waits, broken;
  bool gone; /* it has hung up, and what it sent before must wait to be read */
  int spill; /* what it has not taken: a file without a name; -1 while there is none */
  int64_t taken, given, punched; /* offsets in the spill */
  uint32_t request_len;
  char request[REQUEST_MAX];
};

struct clients {
  struct client all[MAX_CLIENTS];
  int used; /* places below this one may be taken */
  const char *spill_dir;
  bool tty, ever; /* ever: somebody has attached */
};

void clients_init(struct clients *c, const char *spill_dir, bool tty);
/* Takes a new connection from a listening socket. 0, or a negative errno where there is no room for it now. */
long clients_accept(struct clients *c, int listener);
/* Output of the container for everybody who wants it. */
void clients_output(struct clients *c, int stream, const char *data, size_t len);
/* Sends text now or later, in order with all else. */
void client_send(struct clients *c, struct client *client, const char *head, size_t head_len, const char *data, size_t len);
void client_text(struct clients *c, struct client *client, const char *text);
/* The client can take more of what is pending. */
void client_continue(struct client *client);
void client_close(struct client *client);
static inline bool client_pending(const struct client *c) { return c->given > c->taken; }
/* Somebody is so far behind that the container should wait. */
bool clients_behind(const struct clients *c);

#endif

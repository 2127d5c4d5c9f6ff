/*
 * seccomp-agent SOCKET COUNT: what answers the notifications of a filter with SCMP_ACT_NOTIFY. Listens at SOCKET, says
 * "ready", takes one message with a listener's fd, prints the message as a line, and answers COUNT notifications, each
 * told as "PID NR": mkdir and mkdirat fail with EDOM, others go on. Then it goes away.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv) {
  static char text[65536];
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (argc < 3) return 2;
  strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 8)) return perror("listen"), 1;
  puts("ready");
  fflush(stdout);
  alarm(20);
  int socket = accept(listener, NULL, NULL);
  char control[CMSG_SPACE(sizeof(int) * 4)];
  struct iovec part = {text, sizeof text - 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t n = recvmsg(socket, &message, 0);
  if (n < 0) return perror("recvmsg"), 1;
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  if (!head || head->cmsg_len != CMSG_LEN(sizeof(int))) return puts("not one fd"), 1;
  int notify;
  memcpy(&notify, CMSG_DATA(head), sizeof notify);
  printf("%.*s\n", (int)n, text);
  fflush(stdout);
  for (int left = atoi(argv[2]); left > 0; left--) {
    struct seccomp_notif ask;
    struct seccomp_notif_resp answer;
    struct pollfd p = {notify, POLLIN, 0};
    if (poll(&p, 1, 10000) <= 0 || !(p.revents & POLLIN)) return puts("nobody asks"), 1;
    memset(&ask, 0, sizeof ask);
    memset(&answer, 0, sizeof answer);
    if (ioctl(notify, SECCOMP_IOCTL_NOTIF_RECV, &ask)) {
      return perror("recv"), 1;
    }
    printf("%d %d\n", ask.pid, ask.data.nr);
    fflush(stdout);
    answer.id = ask.id;
    int is_mkdir = ask.data.nr == SYS_mkdirat;
#ifdef SYS_mkdir
    is_mkdir |= ask.data.nr == SYS_mkdir;
#endif
    if (is_mkdir) answer.error = -EDOM;
    else answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    ioctl(notify, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
  return 0;
}

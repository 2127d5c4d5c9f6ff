/** Whether interfaces, their addresses or forwarding have changed: rtnetlink's multicast groups (rtnetlink(7)). */
import { closeSync } from 'node:fs';
import { NETLINK } from './netlink-socket.ts';
import { checkedCall, SOCK, socketCalls } from './socket-calls.ts';

const AF_NETLINK = 16;
const MSG_DONTWAIT = 0x40;
const EINTR = 4;
const ENOBUFS = 105;
/** Bit n - 1 for RTNLGRP n: LINK 1, IPV4_IFADDR 5, IPV6_IFADDR 9, IPV4_NETCONF 24, IPV6_NETCONF 25. */
const GROUPS = (1 << 0) | (1 << 4) | (1 << 8) | (1 << 23) | (1 << 24);
/** What is in a message does not matter. */
const received = Buffer.allocUnsafeSlow(64);

export class NetlinkWatch implements Disposable {
  #fd: number;

  /** In the namespace where the thread is now. */
  constructor() {
    const { socket, bind } = socketCalls();
    this.#fd = checkedCall('socket netlink', socket(AF_NETLINK, SOCK.RAW | SOCK.CLOEXEC, NETLINK.ROUTE));
    const address = Buffer.alloc(12);
    address.writeUInt16LE(AF_NETLINK, 0);
    address.writeUInt32LE(GROUPS, 8);
    try {
      checkedCall('bind netlink', bind(this.#fd, address, address.length));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Since the last call. One system call where nothing has. More than there was room for is a change too. */
  changed(): boolean {
    let changed = false;
    for (;;) {
      if (Number(socketCalls().recv(this.#fd, received, received.length, MSG_DONTWAIT)) >= 0) changed = true;
      else {
        const errno = socketCalls().errno();
        if (errno === ENOBUFS) changed = true;
        else if (errno !== EINTR) return changed;
      }
    }
  }

  [Symbol.dispose](): void {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd >= 0) closeSync(fd);
  }
}

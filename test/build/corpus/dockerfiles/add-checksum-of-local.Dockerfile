FROM base/busybox:1
ADD --checksum=sha256:1f9f8bc52e4a74a5e9c9c6d4a06c8d22c4c48a5e4b4a9b5fb4a2d9d8d0a7a1cb a /1

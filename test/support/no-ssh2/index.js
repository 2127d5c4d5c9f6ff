// What dockerode and Testcontainers ask for when they are loaded, and use only to reach Docker over SSH.
exports.Client = class {
  connect() {
    throw new Error('there is no SSH in these tests');
  }
};
exports.utils = {};

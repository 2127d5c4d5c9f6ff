/** A sound layer that EROFS cannot hold: the overlay driver takes it instead. */
export class ErofsCannotHold extends Error {
  constructor(what: string) {
    super(`erofs cannot hold ${what}`);
    this.name = 'ErofsCannotHold';
  }
}

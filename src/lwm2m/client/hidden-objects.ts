/** Objects that hold keys, which no management server ever sees (LwM2M Core 1.1.1 §8.2): Security, OSCORE, COSE. */
export const HIDDEN_OBJECTS: ReadonlySet<number> = new Set([0, 21, 23]);

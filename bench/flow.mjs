export const measureFlow = async () => undefined;

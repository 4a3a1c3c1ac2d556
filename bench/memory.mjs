export const measureMemory = async () => ({});

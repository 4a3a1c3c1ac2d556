export const measureCodecs = () => ({});

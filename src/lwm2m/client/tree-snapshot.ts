/** An object tree as it was: a bootstrap that fails in the middle must leave nothing behind (LwM2M Core 1.1.1 §6.1.7.2). */
import type { Content } from './content';
import type { ObjectInstance, ObjectTree } from './objects';

interface Kept {
  readonly instance: ObjectInstance;
  readonly contents: ReadonlyMap<number, Content | undefined>;
}

export class TreeSnapshot {
  private readonly kept: readonly Kept[];

  constructor(private readonly tree: ObjectTree) {
    this.kept = [...tree.all()].flatMap(([, instances]) =>
      instances.map((instance) => ({ instance, contents: instance.stored() })),
    );
  }

  /** Observers are told of what changes back. */
  restore(): void {
    const { tree } = this;
    const before = new Set(this.kept.map(({ instance }) => instance));
    for (const [object, instances] of [...tree.all()]) {
      for (const instance of instances) if (!before.has(instance)) tree.remove(object, instance.id);
    }
    for (const { instance, contents } of this.kept) {
      if (tree.instance(instance.object, instance.id) !== instance) tree.insert(instance);
      const changed = [...contents].filter(([resource, content]) => instance.store(resource, content));
      tree.tellChanged(changed.map(([resource]) => instance.path.child(resource)));
    }
  }
}

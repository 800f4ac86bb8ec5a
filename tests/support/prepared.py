"""Files as TFDS prepares them."""


def write(folder, name, features, splits):
    """Writes a dataset of TFRecord files and its metadata.

    Args:
      folder: of its version, which is made.   name: of the dataset.   features: TFDS's `FeaturesDict`.
      splits: name -> shards, each the examples of one file, serialized.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    folder.mkdir(parents=True)
    template = tfds.core.ShardedFileTemplate(data_dir=folder, dataset_name=name, filetype_suffix="tfrecord")
    infos = []
    for split, shards in splits.items():
        files = template.replace(split=split)
        for path, shard in zip(files.sharded_filepaths(len(shards)), shards, strict=True):
            with tf.io.TFRecordWriter(str(path)) as writer:
                for example in shard:
                    writer.write(example)
        lengths = [len(shard) for shard in shards]
        infos.append(tfds.core.SplitInfo(name=split, shard_lengths=lengths, num_bytes=0, filename_template=files))
    tfds.folder_dataset.write_metadata(data_dir=folder, features=features, split_infos=infos, check_data=False)

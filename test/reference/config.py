"""python config.py FILE: what transformers makes of config.json files, for config.test.ts. FILE: {name: config}.
Prints, by name, the values that the graphs depend on, and the defaults of the picture processor."""
import json, pathlib, sys
from transformers import Qwen2_5_VLConfig
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil as Processor


def values(config):
    c = Qwen2_5_VLConfig(**json.loads(json.dumps(config)))
    t, v = c.text_config, c.vision_config
    heads = t.num_attention_heads
    return {
        "text": dict(
            hiddenSize=t.hidden_size, numLayers=t.num_hidden_layers, numHeads=heads, numKvHeads=t.num_key_value_heads,
            headDim=getattr(t, "head_dim", None) or t.hidden_size // heads, intermediateSize=t.intermediate_size,
            vocabSize=t.vocab_size, ropeTheta=t.rope_parameters["rope_theta"],
            mropeSection=t.rope_parameters.get("mrope_section", [16, 24, 24]), rmsNormEps=t.rms_norm_eps,
            tieWordEmbeddings=c.tie_word_embeddings),
        "vision": dict(
            depth=v.depth, hiddenSize=v.hidden_size, numHeads=v.num_heads, intermediateSize=v.intermediate_size,
            outHiddenSize=v.out_hidden_size, patchSize=v.patch_size, temporalPatchSize=v.temporal_patch_size,
            spatialMergeSize=v.spatial_merge_size, windowSize=v.window_size,
            fullAttentionLayers=list(v.fullatt_block_indexes), tokensPerSecond=v.tokens_per_second,
            inChannels=v.in_channels),
        "tokens": dict(image=c.image_token_id, video=c.video_token_id, visionStart=c.vision_start_token_id,
                       visionEnd=c.vision_end_token_id),
    }


def every_default(cls):
    """Keys of a class with their defaults, as it would write them."""
    return json.loads(cls().to_json_string(use_diff=False))


p = Processor()
print(json.dumps({
    "values": {name: values(config) for name, config in json.loads(pathlib.Path(sys.argv[1]).read_text()).items()},
    "textKeys": every_default(Qwen2_5_VLConfig.sub_configs["text_config"]),
    "visionKeys": every_default(Qwen2_5_VLConfig.sub_configs["vision_config"]),
    "processor": dict(
        minPixels=p.size["shortest_edge"], maxPixels=p.size["longest_edge"], mean=list(p.image_mean), std=list(p.image_std),
        patchSize=p.patch_size, mergeSize=p.merge_size, temporalPatchSize=p.temporal_patch_size),
}))

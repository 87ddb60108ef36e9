import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.elasticsearch.ResourceNotFoundException;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.metadata.Metadata;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.settings.Setting;
import org.elasticsearch.core.CheckedFunction;
import org.elasticsearch.core.TimeValue;
import org.elasticsearch.rest.RestChannel;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestRequest.Method;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.xcontent.NamedXContentRegistry;
import org.elasticsearch.xcontent.ParseField;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.XContentParser;
import org.elasticsearch.xpack.core.ilm.AllocateAction;
import org.elasticsearch.xpack.core.ilm.DeleteAction;
import org.elasticsearch.xpack.core.ilm.ForceMergeAction;
import org.elasticsearch.xpack.core.ilm.IndexLifecycleMetadata;
import org.elasticsearch.xpack.core.ilm.LifecycleAction;
import org.elasticsearch.xpack.core.ilm.LifecyclePolicy;
import org.elasticsearch.xpack.core.ilm.LifecyclePolicyMetadata;
import org.elasticsearch.xpack.core.ilm.LifecycleSettings;
import org.elasticsearch.xpack.core.ilm.LifecycleType;
import org.elasticsearch.xpack.core.ilm.MigrateAction;
import org.elasticsearch.xpack.core.ilm.OperationMode;
import org.elasticsearch.xpack.core.ilm.ReadOnlyAction;
import org.elasticsearch.xpack.core.ilm.RolloverAction;
import org.elasticsearch.xpack.core.ilm.SetPriorityAction;
import org.elasticsearch.xpack.core.ilm.ShrinkAction;
import org.elasticsearch.xpack.core.ilm.TimeseriesLifecycleType;
import org.elasticsearch.xpack.core.ilm.action.PutLifecycleRequest;

/**
 * _ilm/policy (module x-pack-ilm). Policies are parsed, checked and stored by Elasticsearch's own classes; nothing
 * carries them out.
 */
class Lifecycles {
    static final List<Setting<?>> SETTINGS = List.of(LifecycleSettings.LIFECYCLE_NAME_SETTING,
        LifecycleSettings.LIFECYCLE_INDEXING_COMPLETE_SETTING, LifecycleSettings.LIFECYCLE_SKIP_SETTING,
        LifecycleSettings.LIFECYCLE_POLL_INTERVAL_SETTING, RolloverAction.LIFECYCLE_ROLLOVER_ALIAS_SETTING);

    private final ClusterService cluster;

    Lifecycles(ClusterService cluster) { this.cluster = cluster; }

    static List<NamedXContentRegistry.Entry> parsers() {
        return List.of(
            parser(Metadata.Custom.class, IndexLifecycleMetadata.TYPE, p -> IndexLifecycleMetadata.PARSER.parse(p, null)),
            parser(LifecycleType.class, TimeseriesLifecycleType.TYPE, p -> TimeseriesLifecycleType.INSTANCE),
            parser(LifecycleAction.class, AllocateAction.NAME, AllocateAction::parse),
            parser(LifecycleAction.class, DeleteAction.NAME, DeleteAction::parse),
            parser(LifecycleAction.class, ForceMergeAction.NAME, ForceMergeAction::parse),
            parser(LifecycleAction.class, MigrateAction.NAME, MigrateAction::parse),
            parser(LifecycleAction.class, ReadOnlyAction.NAME, ReadOnlyAction::parse),
            parser(LifecycleAction.class, RolloverAction.NAME, RolloverAction::parse),
            parser(LifecycleAction.class, SetPriorityAction.NAME, SetPriorityAction::parse),
            parser(LifecycleAction.class, ShrinkAction.NAME, ShrinkAction::parse));
    }

    private static <T> NamedXContentRegistry.Entry parser(Class<T> category, String name,
            CheckedFunction<XContentParser, ? extends T, java.io.IOException> parse) {
        return new NamedXContentRegistry.Entry(category, new ParseField(name), parse);
    }

    List<RestHandler> handlers() {
        return List.of(Rest.on(this::get, "/_ilm/policy", Method.GET),
            Rest.on(this::get, "/_ilm/policy/{name}", Method.GET),
            Rest.on(this::put, "/_ilm/policy/{name}", Method.PUT),
            Rest.on(this::delete, "/_ilm/policy/{name}", Method.DELETE));
    }

    private static Map<String, LifecyclePolicyMetadata> policies(ClusterState state) {
        IndexLifecycleMetadata stored = state.metadata().custom(IndexLifecycleMetadata.TYPE, IndexLifecycleMetadata.EMPTY);
        return stored.getPolicyMetadatas();
    }

    private static ClusterState with(ClusterState state, Map<String, LifecyclePolicyMetadata> policies) {
        Metadata.Builder metadata = Metadata.builder(state.metadata())
            .putCustom(IndexLifecycleMetadata.TYPE, new IndexLifecycleMetadata(policies, OperationMode.RUNNING));
        return ClusterState.builder(state).metadata(metadata).build();
    }

    private void get(RestRequest request, RestChannel channel, NodeClient client) throws Exception {
        String names = request.param("name");
        Map<String, LifecyclePolicyMetadata> found = new TreeMap<>(policies(cluster.state()));
        found.keySet().removeIf(name -> !Rest.matches(names, name));
        if (found.isEmpty() && Rest.exact(names)) throw new ResourceNotFoundException("Lifecycle policy not found: " + names);
        XContentBuilder b = channel.newBuilder().startObject();
        for (Map.Entry<String, LifecyclePolicyMetadata> p : found.entrySet()) {
            b.startObject(p.getKey()).field("version", p.getValue().getVersion())
                .field("modified_date", p.getValue().getModifiedDateString()).field("policy", p.getValue().getPolicy()).endObject();
        }
        channel.sendResponse(new RestResponse(RestStatus.OK, b.endObject()));
    }

    private void put(RestRequest request, RestChannel channel, NodeClient client) throws Exception {
        String name = request.param("name");
        LifecyclePolicy policy = parse(request, name);
        policy.validate();
        Rest.update(cluster, channel, state -> {
            Map<String, LifecyclePolicyMetadata> all = new HashMap<>(policies(state));
            long version = all.containsKey(name) ? all.get(name).getVersion() + 1 : 1;
            all.put(name, new LifecyclePolicyMetadata(policy, Map.of(), version, System.currentTimeMillis()));
            return with(state, all);
        });
    }

    private static LifecyclePolicy parse(RestRequest request, String name) throws Exception {
        PutLifecycleRequest.Factory factory = new PutLifecycleRequest.Factory() {
            @Override public PutLifecycleRequest create(LifecyclePolicy policy) {
                return new PutLifecycleRequest(TimeValue.MINUS_ONE, TimeValue.ZERO, policy);
            }

            @Override public String getPolicyName() { return name; }
        };
        try (XContentParser parser = request.contentParser()) {
            return PutLifecycleRequest.parseRequest(factory, parser).getPolicy();
        }
    }

    private void delete(RestRequest request, RestChannel channel, NodeClient client) {
        String name = request.param("name");
        if (!policies(cluster.state()).containsKey(name)) throw new ResourceNotFoundException("Lifecycle policy not found: " + name);
        Rest.update(cluster, channel, state -> {
            Map<String, LifecyclePolicyMetadata> all = new HashMap<>(policies(state));
            all.remove(name);
            return with(state, all);
        });
    }
}

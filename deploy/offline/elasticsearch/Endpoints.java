import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.lucene.util.Version;
import org.elasticsearch.Build;
import org.elasticsearch.ResourceAlreadyExistsException;
import org.elasticsearch.ResourceNotFoundException;
import org.elasticsearch.action.admin.indices.create.AutoCreateAction;
import org.elasticsearch.action.admin.indices.create.CreateIndexRequest;
import org.elasticsearch.action.support.master.AcknowledgedResponse;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.metadata.DataStream;
import org.elasticsearch.cluster.metadata.MetadataDataStreamsService;
import org.elasticsearch.cluster.metadata.MetadataIndexTemplateService;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.index.Index;
import org.elasticsearch.rest.RestChannel;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestRequest.Method;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.rest.action.RestToXContentListener;
import org.elasticsearch.xcontent.XContentBuilder;

/** GET / (module rest-root) and _data_stream (module data-streams). */
class Endpoints {
    private final ClusterService cluster;

    Endpoints(ClusterService cluster) { this.cluster = cluster; }

    List<RestHandler> handlers() {
        return List.of(Rest.on(this::root, "/", Method.GET, Method.HEAD),
            Rest.on(this::get, "/_data_stream", Method.GET),
            Rest.on(this::get, "/_data_stream/{name}", Method.GET),
            Rest.on(this::put, "/_data_stream/{name}", Method.PUT),
            Rest.on(this::delete, "/_data_stream/{name}", Method.DELETE));
    }

    private void root(RestRequest request, RestChannel channel, NodeClient client) throws Exception {
        Build build = Build.current();
        ClusterState state = cluster.state();
        XContentBuilder b = channel.newBuilder().prettyPrint().startObject()
            .field("name", cluster.getNodeName())
            .field("cluster_name", state.getClusterName().value())
            .field("cluster_uuid", state.metadata().clusterUUID())
            .startObject("version")
            .field("number", build.qualifiedVersion())
            .field("build_flavor", build.flavor())
            .field("build_type", build.type().displayName())
            .field("build_hash", build.hash())
            .field("build_date", build.date())
            .field("build_snapshot", build.isSnapshot())
            .field("lucene_version", Version.LATEST.toString())
            .field("minimum_wire_compatibility_version", build.minWireCompatVersion())
            .field("minimum_index_compatibility_version", build.minIndexCompatVersion())
            .endObject()
            .field("tagline", "You Know, for Search").endObject();
        channel.sendResponse(new RestResponse(RestStatus.OK, b));
    }

    private Set<DataStream> find(String names) {
        Set<DataStream> found = new HashSet<>();
        cluster.state().metadata().dataStreams().forEach((name, stream) -> { if (Rest.matches(names, name)) found.add(stream); });
        if (found.isEmpty() && Rest.exact(names)) throw new ResourceNotFoundException("no such index [" + names + "]");
        return found;
    }

    private String template(String name) {
        return MetadataIndexTemplateService.findV2Template(cluster.state().metadata(), name, false);
    }

    private void get(RestRequest request, RestChannel channel, NodeClient client) throws Exception {
        XContentBuilder b = channel.newBuilder().startObject().startArray("data_streams");
        for (DataStream stream : find(request.param("name"))) {
            b.startObject().field("name", stream.getName());
            b.startObject("timestamp_field").field("name", "@timestamp").endObject();
            b.startArray("indices");
            for (Index i : stream.getIndices()) b.startObject().field("index_name", i.getName()).field("index_uuid", i.getUUID()).endObject();
            b.endArray().field("generation", stream.getGeneration()).field("template", template(stream.getName()));
            b.field("hidden", stream.isHidden()).field("system", stream.isSystem()).endObject();
        }
        channel.sendResponse(new RestResponse(RestStatus.OK, b.endArray().endObject()));
    }

    private void put(RestRequest request, RestChannel channel, NodeClient client) {
        String name = request.param("name");
        if (cluster.state().metadata().dataStreams().containsKey(name)) {
            throw new ResourceAlreadyExistsException("data_stream [" + name + "] already exists");
        }
        if (template(name) == null) throw new IllegalArgumentException("no matching index template found for data stream [" + name + "]");
        client.execute(AutoCreateAction.INSTANCE, new CreateIndexRequest(name),
            new RestToXContentListener<AcknowledgedResponse>(channel).map(created -> AcknowledgedResponse.TRUE));
    }

    private void delete(RestRequest request, RestChannel channel, NodeClient client) {
        Set<DataStream> doomed = find(request.param("name"));
        Rest.update(cluster, channel, state -> MetadataDataStreamsService.deleteDataStreams(state, doomed, cluster.getSettings()));
    }
}

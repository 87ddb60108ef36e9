import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.ClusterStateUpdateTask;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.regex.Regex;
import org.elasticsearch.rest.RestChannel;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestRequest.Method;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;

/** What the endpoints share. */
final class Rest {
    private Rest() {}

    static RestHandler on(RestHandler action, String path, Method... methods) {
        return new RestHandler() {
            @Override public void handleRequest(RestRequest request, RestChannel channel, NodeClient client) throws Exception {
                action.handleRequest(request, channel, client);
            }

            @Override public List<Route> routes() { return Arrays.stream(methods).map(m -> new Route(m, path)).toList(); }
        };
    }

    static boolean matches(String names, String name) { return names == null || Regex.simpleMatch(names.split(","), name); }

    static boolean exact(String names) { return names != null && !names.contains("*"); }

    /** Changes the state of the cluster and answers when that is done. */
    static void update(ClusterService cluster, RestChannel channel, UnaryOperator<ClusterState> change) {
        cluster.submitUnbatchedStateUpdateTask("swarmscope", new ClusterStateUpdateTask() {
            @Override public ClusterState execute(ClusterState state) { return change.apply(state); }

            @Override public void clusterStateProcessed(ClusterState before, ClusterState after) {
                try {
                    channel.sendResponse(new RestResponse(RestStatus.OK,
                        channel.newBuilder().startObject().field("acknowledged", true).endObject()));
                } catch (IOException e) {
                    onFailure(e);
                }
            }

            @Override public void onFailure(Exception e) {
                try {
                    channel.sendResponse(new RestResponse(channel, e));
                } catch (IOException io) {
                    throw new UncheckedIOException(io);
                }
            }
        });
    }
}

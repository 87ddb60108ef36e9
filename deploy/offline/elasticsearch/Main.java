import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Map;
import java.util.Set;
import org.elasticsearch.common.io.stream.StreamOutput;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.SecureSettings;
import org.elasticsearch.common.settings.SecureString;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * Starts one Elasticsearch node the way the official image is used: settings from variables with a dot in their
 * names and from arguments NAME=VALUE, the password of "elastic" from ELASTIC_PASSWORD or ELASTIC_PASSWORD_FILE.
 */
public class Main {
    /** Settings of modules that are not on Maven Central; the node would not start with a setting it does not know. */
    private static final String ABSENT = "(ingest\\.geoip|xpack\\.(ccr|graph|ml|monitoring|profiling|rollup|watcher))\\..*";
    private static final String SETTING = "[a-z0-9_]+(\\.[a-z0-9_]+)+";

    public static void main(String[] args) throws Exception {
        Path home = Path.of(System.getProperty("es.path.home"));
        Path config = home.resolve("config");
        Settings.Builder settings = Settings.builder().put("path.home", home.toString());
        System.getenv().forEach((name, value) -> { if (name.matches(SETTING)) settings.put(name, value); });
        for (String arg : args) {
            int equals = arg.indexOf('=');
            if (equals < 1) throw new IllegalArgumentException("not NAME=VALUE: " + arg);
            settings.put(arg.substring(0, equals), arg.substring(equals + 1));
        }
        String password = password();
        if (settings.get("xpack.security.enabled") == null) settings.put("xpack.security.enabled", !password.isEmpty());
        if (!password.isEmpty()) settings.setSecureSettings(new BootstrapPassword(password));

        LogConfigurator.registerErrorListener();
        Environment env = InternalSettingsPreparer.prepareEnvironment(settings.build(), Map.of(), config, () -> "node-1");
        env = new Environment(env.settings().filter(name -> !name.matches(ABSENT)), config);
        LogConfigurator.loadLog4jPlugins();
        LogConfigurator.configureESLogging();
        LogConfigurator.configure(env, true);
        PluginsLoader modules = PluginsLoader.createPluginsLoader(
            PluginsLoader.loadModulesBundles(env.modulesDir()), Set.of(), Map.of(), false);
        Node node = new Node(env, modules);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node)));
        node.start();
        Thread.currentThread().join();
    }

    private static String password() throws IOException {
        String file = System.getenv().getOrDefault("ELASTIC_PASSWORD_FILE", "");
        if (file.isEmpty()) return System.getenv().getOrDefault("ELASTIC_PASSWORD", "");
        return Files.readString(Path.of(file)).strip();
    }

    private static void close(Node node) {
        try {
            node.close();
        } catch (IOException e) {
            e.printStackTrace();
        }
    }

    /** Stands for an installation's keystore: one entry. */
    private record BootstrapPassword(String password) implements SecureSettings {
        @Override public boolean isLoaded() { return true; }
        @Override public Set<String> getSettingNames() { return Set.of("bootstrap.password"); }
        @Override public SecureString getString(String setting) { return new SecureString(password.toCharArray()); }
        @Override public InputStream getFile(String setting) throws GeneralSecurityException { throw new GeneralSecurityException(setting); }
        @Override public byte[] getSHA256Digest(String setting) { return new byte[32]; }
        @Override public void writeTo(StreamOutput out) { throw new UnsupportedOperationException(); }
        @Override public void close() {}
    }
}

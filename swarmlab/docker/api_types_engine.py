"""The types of what one engine knows by itself: information, version, containers, images, volumes, events.

Written like the table of `api_types`, which reads them. Source: Docker Engine API v1.41; moby `api/types`.
"""

ENGINE_TABLE = """
Info: ID str, Containers int, ContainersRunning int, ContainersPaused int, ContainersStopped int, Images int, Driver str, DriverStatus any, Plugins PluginsInfo, MemoryLimit bool, SwapLimit bool, KernelMemory bool, KernelMemoryTCP bool, CPUCfsPeriod=CpuCfsPeriod bool, CPUCfsQuota=CpuCfsQuota bool, CPUShares bool, CPUSet bool, PidsLimit bool, IPv4Forwarding bool, BridgeNfIptables bool, BridgeNfIP6tables=BridgeNfIp6tables bool, Debug bool, NFd int, OomKillDisable bool, NGoroutines int, SystemTime str, LoggingDriver str, CgroupDriver str, CgroupVersion str, NEventsListener int, KernelVersion str, OperatingSystem str, OSVersion str, OSType str, Architecture str, IndexServerAddress str, RegistryConfig *RegistryConfig, NCPU int, MemTotal int, GenericResources [GenericResource], DockerRootDir str, HTTPProxy=HttpProxy str, HTTPSProxy=HttpsProxy str, NoProxy str, Name str, Labels [str], ExperimentalBuild bool, ServerVersion str, Runtimes {Runtime}, DefaultRuntime str, Swarm SwarmInfo, LiveRestoreEnabled bool, Isolation str, InitBinary str, ContainerdCommit Commit, RuncCommit Commit, InitCommit Commit, SecurityOptions [str], Warnings [str], ClientInfo *ClientInfo?
PluginsInfo: Volume [str], Network [str], Authorization [str], Log [str]
RegistryConfig: AllowNondistributableArtifactsCIDRs [str], AllowNondistributableArtifactsHostnames [str], InsecureRegistryCIDRs [str], IndexConfigs {RegistryIndex}, Mirrors [str]
RegistryIndex: Name str, Mirrors [str], Secure bool, Official bool
Runtime: Path=path str
Commit: ID str, Expected str
SwarmInfo: NodeID str, NodeAddr str, LocalNodeState str, ControlAvailable bool, Error str, RemoteManagers [Peer], Nodes int?, Managers int?, Cluster *Swarm?, Warnings [str]?
Peer: NodeID str, Addr str
ClientInfo: Debug bool, Version str, APIVersion=ApiVersion str?, DefaultAPIVersion=DefaultAPIVersion str?, GitCommit str?, GoVersion str?, Os str?, Arch str?, BuildTime str?, Context str, Plugins [str], Warnings [str]

Versions: Client ClientVersion, Server *ServerVersion
ClientVersion: Version str, APIVersion=ApiVersion str, DefaultAPIVersion str?, GitCommit str, GoVersion str, Os str, Arch str, BuildTime str, Context str
ServerVersion: Platform PlatformName, Components [Component], Version str, APIVersion=ApiVersion str, MinAPIVersion str, GitCommit str, GoVersion str, Os str, Arch str, KernelVersion str, BuildTime str
PlatformName: Name str
Component: Name str, Version str, Details map

Container: ID=Id str, Created time, Path str, Args [str], State ContainerState, Image str, ResolvConfPath str, HostnamePath str, HostsPath str, LogPath str, Name str, RestartCount int, Driver str, Platform str, MountLabel str, ProcessLabel str, AppArmorProfile str, ExecIDs [str], HostConfig *HostConfig, GraphDriver GraphDriver, Mounts [MountPoint], Config *ContainerConfig, NetworkSettings *NetworkSettings
ContainerState: Status str, Running bool, Paused bool, Restarting bool, OOMKilled bool, Dead bool, Pid int, ExitCode int, Error str, StartedAt time, FinishedAt time, Health *Health?
Health: Status str, FailingStreak int, Log [HealthResult]
HealthResult: Start time, End time, ExitCode int, Output str
HostConfig: Binds [str], ContainerIDFile str, LogConfig LogConfig, NetworkMode str, PortBindings {[PortBinding]}, RestartPolicy RestartMode, AutoRemove bool, VolumeDriver str, VolumesFrom [str], CapAdd [str], CapDrop [str], CgroupnsMode str, DNS=Dns [str], DNSOptions=DnsOptions [str], DNSSearch=DnsSearch [str], ExtraHosts [str], GroupAdd [str], IpcMode str, Cgroup str, Links [str], OomScoreAdj int, PidMode str, Privileged bool, PublishAllPorts bool, ReadonlyRootfs bool, SecurityOpt [str], UTSMode str, UsernsMode str, ShmSize int, Runtime str, ConsoleSize any, Isolation str, CPUShares=CpuShares int, Memory int, NanoCPUs=NanoCpus int, CgroupParent str, BlkioWeight int, BlkioWeightDevice any, BlkioDeviceReadBps any, BlkioDeviceWriteBps any, BlkioDeviceReadIOps any, BlkioDeviceWriteIOps any, CPUPeriod=CpuPeriod int, CPUQuota=CpuQuota int, CPURealtimePeriod=CpuRealtimePeriod int, CPURealtimeRuntime=CpuRealtimeRuntime int, CpusetCpus str, CpusetMems str, Devices any, DeviceCgroupRules [str], DeviceRequests any, KernelMemory int, KernelMemoryTCP int, MemoryReservation int, MemorySwap int, MemorySwappiness any, OomKillDisable bool, PidsLimit any, Ulimits [Ulimit], CPUCount=CpuCount int, CPUPercent=CpuPercent int, IOMaximumIOps int, IOMaximumBandwidth int, Mounts [Mount]?, MaskedPaths [str], ReadonlyPaths [str], Init *bool?
LogConfig: Type str, Config map
PortBinding: HostIP=HostIp str, HostPort str
RestartMode: Name str, MaximumRetryCount int
GraphDriver: Name str, Data map
MountPoint: Type str, Name str?, Source str, Destination str, Driver str?, Mode str, RW bool, Propagation str
ContainerConfig: Hostname str, Domainname str, User str, AttachStdin bool, AttachStdout bool, AttachStderr bool, ExposedPorts any?, Tty bool, OpenStdin bool, StdinOnce bool, Env [str], Cmd [str], Healthcheck *HealthConfig?, Image str, Volumes any, WorkingDir str, Entrypoint [str], OnBuild [str], Labels map
NetworkSettings: Bridge str, SandboxID str, HairpinMode bool, LinkLocalIPv6Address str, LinkLocalIPv6PrefixLen int, Ports {[PortBinding]}, SandboxKey str, SecondaryIPAddresses any, SecondaryIPv6Addresses any, EndpointID str, Gateway str, GlobalIPv6Address str, GlobalIPv6PrefixLen int, IPAddress str, IPPrefixLen int, IPv6Gateway str, MacAddress str, Networks {EndpointSettings}
EndpointSettings: IPAMConfig *EndpointIPAM, Links [str], Aliases [str], NetworkID str, EndpointID str, Gateway str, IPAddress str, IPPrefixLen int, IPv6Gateway str, GlobalIPv6Address str, GlobalIPv6PrefixLen int, MacAddress str, DriverOpts map
EndpointIPAM: IPv4Address str?

ContainerSummary: ID=Id str, Names [str], Image str, ImageID str, Command str, Created int, Ports [Port], SizeRw int?, SizeRootFs int?, Labels map, State str, Status str, HostConfig SummaryHostConfig, NetworkSettings SummaryNetworks, Mounts [MountPoint]
Port: IP str?, PrivatePort int, PublicPort int?, Type str
SummaryHostConfig: NetworkMode str?
SummaryNetworks: Networks {EndpointSettings}

Image: ID=Id str, RepoTags [str], RepoDigests [str], Parent str, Comment str, Created str, Container str, ContainerConfig *ContainerConfig, DockerVersion str, Author str, Config *ContainerConfig, Architecture str, Os str, Size int, VirtualSize int, GraphDriver GraphDriver, RootFS RootFS, Metadata ImageMetadata
RootFS: Type str, Layers [str]
ImageMetadata: LastTagTime time
Distribution: Descriptor Descriptor, Platforms [ImagePlatform]
Descriptor: MediaType=mediaType str, Digest=digest str, Size=size int
ImagePlatform: Architecture=architecture str, OS=os str

Volumes: Volumes [Volume], Warnings [str]
Volume: CreatedAt time, Driver str, Labels map, Mountpoint str, Name str, Options map, Scope str
Event: Status=status str?, ID=id str?, From=from str?, Type str, Action str, Actor EventActor, Scope=scope str?, Time=time int?, TimeNano=timeNano int?
EventActor: ID str, Attributes map
"""
